import type { CallArguments } from "./call_arguments.ts";
import type { ListedTool } from "./condition.ts";
import type { Effect } from "./rules.ts";

/** An action of an agent, about which the policy decides. */
export type AccessRequest =
  /** Use a server, whether it is configured or not. */
  | { readonly kind: "server"; readonly server: string }
  /** Call a tool; denied if the agent may not use the server. */
  | {
    readonly kind: "tool";
    readonly server: string;
    readonly tool: string;
    /** Returns the arguments as they are sent to the server; absent while they are not known. */
    readonly args?: (() => CallArguments) | undefined;
    /** Returns the tool, `undefined` if its server does not list it; absent while the list is not known. */
    readonly listed?: (() => ListedTool | undefined) | undefined;
  }
  /** Read a resource, or see a resource template; denied if the agent may not use the server. */
  | {
    readonly kind: "resource";
    readonly server: string;
    /** The URI, or the template, as written. */
    readonly uri: string;
  }
  /** Get a prompt; denied if the agent may not use the server. */
  | {
    readonly kind: "prompt";
    readonly server: string;
    /** The server's own name of the prompt. */
    readonly prompt: string;
  }
  /** Read the gateway's status over the network. */
  | { readonly kind: "status" };

/** The decision about an access request. */
export interface Decision {
  /**
   * Whether the access is allowed or denied, or needs a person's approval, or depends on arguments or annotations that
   * the request does not have.
   */
  readonly effect: Effect | "depends";
  /**
   * Path of the entry that decided, such as `agents.backend.deny.tools.postgres[0]`; for a decision that depends, of the
   * first entry that may decide. If no entry matched, the path of the limit on results that allows the agent to read the
   * rest of them; else of the entry whose condition did not hold; else of the list in which an entry could have allowed
   * the access.
   */
  readonly rule: string;
  /**
   * For a denial, or a decision to ask, the conditions behind it; for a decision that depends, those it depends on.
   * Absent if there are none.
   */
  readonly conditions?: readonly DecidingCondition[];
  /**
   * Whether the agent is in shadow mode, so that the access is let through although the rules do not allow it. Absent for
   * an allowed access, and for decisions that are enforced even in shadow mode: those about the status and the gateway's
   * own server, and those with errors.
   */
  readonly isShadowed?: true;
  /** Errors while deciding, for the log only. A decision with errors denies. */
  readonly errors: readonly Error[];
}

/** A condition behind a decision. */
export interface DecidingCondition {
  /** Path of the entry. */
  readonly rule: string;
  /** The effect of the entry. */
  readonly effect: Effect;
  /**
   * The change that would make an `allow` match, or a `deny` not match: `path must be within /srv/notes`. For an `ask`,
   * the change that would make it match if its condition does not hold, and not match otherwise.
   */
  readonly requirement: string;
  /** Whether other arguments can fulfil the requirement; only the server can change annotations. */
  readonly isCorrectable: boolean;
}

/**
 * The name of a step. A `default` step decides if the searches before it have found nothing. Before that, `result limit`
 * lets an agent read the rest of its results if a limit cuts them. `agent` denies an unknown agent, and `error` denies
 * because deciding failed.
 */
export type StepName =
  | "agent"
  | "status"
  | "error"
  | "server deny"
  | "server allow"
  | "server default"
  | "result limit"
  | "explicit deny"
  | "explicit ask"
  | "explicit allow"
  | "wildcard deny"
  | "wildcard ask"
  | "wildcard allow"
  | "tool default"
  | "resource default"
  | "prompt default";

/** One step of a decision. */
export interface Step {
  /** Name of the step. */
  readonly name: StepName;
  /** Paths of the searched lists, the most specific first; empty if the rules have none. */
  readonly searched: readonly string[];
  /** The entries that match but for their conditions; absent if there are none. */
  readonly skipped?: readonly SkippedStep[];
  /** The decision of this step; absent if nothing matched, so that the next step follows. */
  readonly decision?: Decision;
}

/** An entry that a step has skipped. */
export interface SkippedStep extends DecidingCondition {
  /** Whether the condition does not hold, or depends on arguments or annotations that are not known. */
  readonly state: "fails" | "depends";
}
