import { isAgentId } from "../agent_id.ts";

/** Maximum length of a malformed id in a message, in UTF-16 code units. */
const QUOTED_LENGTH = 40;

/** The facts that identify the caller, in addition to the `agent_id` of the call. */
export interface Identity {
  /** The agent that the process or the credential is bound to; `""` means no agent. */
  readonly bound?: string | undefined;
  /** `GATEWAY_DEFAULT_AGENT`; `""` counts as not set. */
  readonly defaultAgent?: string | undefined;
  /** `deny_on_missing_agent`: whether a call has to name its agent. */
  readonly denyOnMissing: boolean;
  /** Whether an agent is in the rules; see `Policy.has`. */
  readonly has: (agent: string) => boolean;
}

/** Why a caller was not identified; may be shown to the agent. */
export interface IdentityRefusal {
  /** The code of the error answer. */
  readonly code: "INVALID_AGENT_ID" | "NO_FALLBACK_CONFIGURED" | "FALLBACK_AGENT_NOT_IN_RULES";
  /** Says what happened and what the agent can do; names no agent except the given one. */
  readonly message: string;
  /** Says who else can help, and how. */
  readonly hint?: string;
}

/** The calling agent, which is in the rules, or why there is none. */
export type Resolution = { readonly agent: string } | { readonly refused: IdentityRefusal };

/**
 * Identifies the calling agent. Only returns agents that are in the rules.
 *
 * @param given The `agent_id` of the call; `""` counts as not given.
 */
export function resolveAgent(given: string | undefined, identity: Identity): Resolution {
  const named = given === "" ? undefined : given;
  if (named !== undefined && !isAgentId(named)) {
    return refuse(
      "INVALID_AGENT_ID",
      `agent_id ${
        quote(named)
      } is malformed: it takes 1 to 128 letters, digits, "-", "_" or ".". ` +
        "Call again with the agent_id that you were given.",
    );
  }
  if (identity.bound !== undefined) return resolveBound(named, identity.bound, identity);
  if (named === undefined) return resolveMissing(identity);
  if (identity.has(named)) return { agent: named };
  return refuse(
    "INVALID_AGENT_ID",
    `Agent "${named}" is not in the gateway's rules. Check the spelling of agent_id.`,
    "The operator of the gateway can add the agent to the rules.",
  );
}

function resolveBound(named: string | undefined, bound: string, identity: Identity): Resolution {
  if (named !== undefined && named !== bound) {
    return refuse(
      "INVALID_AGENT_ID",
      `This connection may not act as agent "${named}": it is bound to one agent. ` +
        "Call again without agent_id.",
    );
  }
  if (identity.has(bound)) return { agent: bound };
  return refuse(
    "INVALID_AGENT_ID",
    "The agent that this connection is bound to is not in the gateway's rules, so nothing can be called.",
    "The operator of the gateway can add the agent to the rules, or bind another one.",
  );
}

function resolveMissing({ denyOnMissing, defaultAgent, has }: Identity): Resolution {
  if (denyOnMissing) {
    return refuse(
      "INVALID_AGENT_ID",
      "agent_id is missing. Call again with the agent_id that you were given.",
    );
  }
  if (defaultAgent !== undefined && defaultAgent !== "") {
    if (has(defaultAgent)) return { agent: defaultAgent };
    return refuse(
      "FALLBACK_AGENT_NOT_IN_RULES",
      "agent_id is missing, and the configured fallback agent is not in the gateway's rules. " +
        "Call again with the agent_id that you were given.",
      "The operator of the gateway can add the fallback agent to the rules.",
    );
  }
  if (has("default")) return { agent: "default" };
  return refuse(
    "NO_FALLBACK_CONFIGURED",
    "agent_id is missing, and no fallback agent is configured. " +
      "Call again with the agent_id that you were given.",
    "The operator of the gateway can configure a fallback agent.",
  );
}

function refuse(code: IdentityRefusal["code"], message: string, hint?: string): Resolution {
  return { refused: hint === undefined ? { code, message } : { code, message, hint } };
}

/** Quotes a caller's text: cut and in printable ASCII, because it appears in logs and terminals. */
function quote(text: string): string {
  const start = JSON.stringify(text.slice(0, QUOTED_LENGTH)).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > QUOTED_LENGTH ? `${start} (cut)` : start;
}
