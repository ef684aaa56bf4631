import { isAgentId } from "../agent_id.ts";

/** Maximum length of a malformed id in a message, in UTF-16 code units. */
const MAX_QUOTED_LENGTH = 40;

/** The facts that identify the caller, besides the `agent_id` of the call. */
export interface CallerFacts {
  /** The agent that the connection is bound to; `""` if the process and the credential are bound to different ones. */
  readonly bound?: string | undefined;
  /** `GATEWAY_DEFAULT_AGENT`; `""` counts as not set. */
  readonly defaultAgent?: string | undefined;
  /** `deny_on_missing_agent`: whether a call has to name its agent. */
  readonly denyOnMissing: boolean;
  /** Whether an agent is in the rules; see `Policy.has`. */
  readonly has: (agent: string) => boolean;
}

/** The reason why a caller was not identified; may be shown to the agent. */
export interface IdentityError {
  /** The code of the error. */
  readonly code: "INVALID_AGENT_ID" | "NO_FALLBACK_CONFIGURED" | "FALLBACK_AGENT_NOT_IN_RULES";
  /** The problem and what the agent can do; names no agent except the one in the call. */
  readonly message: string;
  /** A step that the operator can take. */
  readonly hint?: string;
}

/** The calling agent, which is in the rules, or the error if it cannot be identified. */
export type Resolution = { readonly agent: string } | { readonly error: IdentityError };

/**
 * Identifies the calling agent. Only returns agents that are in the rules.
 *
 * @param agentId The `agent_id` of the call; `""` counts as missing.
 */
export function resolveAgent(agentId: string | undefined, identity: CallerFacts): Resolution {
  const claimedAgent = agentId === "" ? undefined : agentId;
  if (claimedAgent !== undefined && !isAgentId(claimedAgent)) {
    return identityError(
      "INVALID_AGENT_ID",
      `agent_id ${quote(claimedAgent)} is malformed: it takes 1 to 128 letters, digits, ` +
        '"-", "_" or ".". Call again with the agent_id that you were given.',
    );
  }
  if (identity.bound !== undefined) return resolveBound(claimedAgent, identity.bound, identity);
  if (claimedAgent === undefined) return resolveMissing(identity);
  if (identity.has(claimedAgent)) return { agent: claimedAgent };
  return identityError(
    "INVALID_AGENT_ID",
    `Agent "${claimedAgent}" is not in the gateway's rules. Check the spelling of agent_id.`,
    "The operator of the gateway can add the agent to the rules.",
  );
}

function resolveBound(
  claimedAgent: string | undefined,
  bound: string,
  identity: CallerFacts,
): Resolution {
  if (bound !== "" && claimedAgent !== undefined && claimedAgent !== bound) {
    return identityError(
      "INVALID_AGENT_ID",
      `This connection may not act as agent "${claimedAgent}": it is bound to one agent. ` +
        "Call again without agent_id.",
    );
  }
  if (identity.has(bound)) return { agent: bound };
  if (bound === "") {
    return identityError(
      "INVALID_AGENT_ID",
      "This connection is bound to two agents, one by the gateway's settings and one by its credential, " +
        "so nothing can be called.",
      "The operator of the gateway can remove --agent and GATEWAY_AGENT, or issue a credential of that agent.",
    );
  }
  return identityError(
    "INVALID_AGENT_ID",
    "The agent that this connection is bound to is not in the gateway's rules, so nothing can be called.",
    "The operator of the gateway can add the agent to the rules, or bind another one.",
  );
}

function resolveMissing({ denyOnMissing, defaultAgent, has }: CallerFacts): Resolution {
  if (denyOnMissing) {
    return identityError(
      "INVALID_AGENT_ID",
      "agent_id is missing. Call again with the agent_id that you were given.",
    );
  }
  if (defaultAgent !== undefined && defaultAgent !== "") {
    if (has(defaultAgent)) return { agent: defaultAgent };
    return identityError(
      "FALLBACK_AGENT_NOT_IN_RULES",
      "agent_id is missing, and the default agent (--default-agent) is not in the gateway's rules. " +
        "Call again with the agent_id that you were given.",
      "The operator of the gateway can add the default agent to the rules.",
    );
  }
  if (has("default")) return { agent: "default" };
  return identityError(
    "NO_FALLBACK_CONFIGURED",
    "agent_id is missing, and no default agent (--default-agent) is set. " +
      "Call again with the agent_id that you were given.",
    "The operator of the gateway can set --default-agent.",
  );
}

function identityError(code: IdentityError["code"], message: string, hint?: string): Resolution {
  return { error: hint === undefined ? { code, message } : { code, message, hint } };
}

/** Quotes the start of a caller's text in printable ASCII, because it appears in logs and terminals. */
function quote(text: string): string {
  const start = JSON.stringify(text.slice(0, MAX_QUOTED_LENGTH)).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > MAX_QUOTED_LENGTH ? `${start} (cut)` : start;
}
