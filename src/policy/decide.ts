import type { CompiledAgent, EntryKind, RuleList } from "./compile.ts";

/** Something that an agent may or may not do. */
export type AccessRequest =
  /** Use a server, whether it is configured or not. */
  | { readonly kind: "server"; readonly server: string }
  /** Call a tool; denied if the agent may not use the server. */
  | {
    readonly kind: "tool";
    readonly server: string;
    readonly tool: string;
    /** Parses the arguments; called only by rules that depend on them. */
    readonly args?: () => unknown;
  }
  /** Read the gateway's status over the network. */
  | { readonly kind: "status" };

/** The answer to a request. */
export interface Decision {
  /** Whether the agent may do it. */
  readonly effect: "allow" | "deny";
  /**
   * Path of the entry that decided, such as `agents.backend.deny.tools.postgres[0]`. If no entry
   * matched, the path of the list that did not grant it.
   */
  readonly rule: string;
  /** Errors while deciding, for the log only; a decision with any is a denial. */
  readonly errors: readonly Error[];
}

/**
 * Subject of a step. The two `default` steps and `agent` end a search that found nothing; `error`
 * ends one that failed.
 */
export type StepName =
  | "agent"
  | "status"
  | "error"
  | "server deny"
  | "server allow"
  | "server default"
  | "explicit deny"
  | "explicit allow"
  | "wildcard deny"
  | "wildcard allow"
  | "tool default";

/** One step on the way to a decision. */
export interface Step {
  /** Subject of the step. */
  readonly name: StepName;
  /** Paths of the searched lists, the best first; empty if the rules have none. */
  readonly searched: readonly string[];
  /** The decision of this step; absent if nothing matched and the next step was taken. */
  readonly found?: Decision;
}

interface Search {
  readonly name: StepName;
  readonly effect: "allow" | "deny";
  readonly kind: EntryKind;
}

const SERVER_ORDER: readonly Search[] = [
  { name: "server deny", effect: "deny", kind: "any" },
  { name: "server allow", effect: "allow", kind: "any" },
];

const EXPLICIT_DENY: Search = { name: "explicit deny", effect: "deny", kind: "explicit" };
const EXPLICIT_ALLOW: Search = { name: "explicit allow", effect: "allow", kind: "explicit" };
const WILDCARD_DENY: Search = { name: "wildcard deny", effect: "deny", kind: "wildcard" };
const WILDCARD_ALLOW: Search = { name: "wildcard allow", effect: "allow", kind: "wildcard" };

const TOOL_ORDER: readonly Search[] = [
  EXPLICIT_DENY,
  EXPLICIT_ALLOW,
  WILDCARD_DENY,
  WILDCARD_ALLOW,
];

/** The order for rules written for versions of the original in which a deny always wins. */
const DENY_OVERRIDES_ORDER: readonly Search[] = [
  EXPLICIT_DENY,
  WILDCARD_DENY,
  EXPLICIT_ALLOW,
  WILDCARD_ALLOW,
];

const NO_ERRORS: readonly Error[] = [];

/** Options of a decision. */
export interface DecideOptions {
  /** Whether every deny comes before every allow; default false. */
  readonly denyOverrides?: boolean;
  /** The list to which the steps taken are appended. */
  readonly steps?: Step[] | undefined;
}

/**
 * Answers an access request for an agent of the rules.
 *
 * @param agent The agent's rules.
 * @param request A request.
 * @param options The order of the rules, and a list for the steps.
 */
export function decideFor(
  agent: CompiledAgent,
  request: AccessRequest,
  options: DecideOptions = {},
): Decision {
  switch (request.kind) {
    case "server":
      return decideServer(agent, request.server, options.steps);
    case "tool":
      return decideTool(agent, request, options);
    case "status":
      return decideStatus(agent, options.steps);
  }
}

function decideServer(agent: CompiledAgent, server: string, steps?: Step[]): Decision {
  for (const search of SERVER_ORDER) {
    const decision = runStep(search, [agent[search.effect].servers], { name: server, steps });
    if (decision !== undefined) return decision;
  }
  const { path } = agent.allow.servers;
  return record(deny(path), { name: "server default", searched: [] }, steps);
}

function decideTool(
  agent: CompiledAgent,
  { server, tool }: { readonly server: string; readonly tool: string },
  { denyOverrides = false, steps }: DecideOptions,
): Decision {
  const aboutServer = decideServer(agent, server, steps);
  if (aboutServer.effect === "deny") return aboutServer;
  const lists = {
    allow: agent.allow.tools.matching(server),
    deny: agent.deny.tools.matching(server),
  };
  for (const search of denyOverrides ? DENY_OVERRIDES_ORDER : TOOL_ORDER) {
    const decision = runStep(search, lists[search.effect], { name: tool, steps });
    if (decision !== undefined) return decision;
  }
  // A granted server grants its tools, unless the rules also list tools.
  const [bestList] = lists.allow;
  const decision = bestList === undefined ? aboutServer : deny(bestList.path);
  return record(decision, { name: "tool default", searched: [] }, steps);
}

function decideStatus({ status }: CompiledAgent, steps?: Step[]): Decision {
  const effect = status.granted ? "allow" : "deny";
  const decision: Decision = { effect, rule: status.path, errors: NO_ERRORS };
  return record(decision, { name: "status", searched: [status.path] }, steps);
}

/** Denies an agent that is not in the rules; `path` is the path that its rules would have. */
export function decideUnknownAgent(path: string, steps?: Step[]): Decision {
  return record(deny(path), { name: "agent", searched: [] }, steps);
}

/** Denies because deciding itself failed; `path` is the path of the agent's rules. */
export function denyForError(path: string, error: unknown, steps?: Step[]): Decision {
  const errors = [error instanceof Error ? error : new Error(String(error))];
  return record({ ...deny(path), errors }, { name: "error", searched: [] }, steps);
}

function deny(rule: string): Decision {
  return { effect: "deny", rule, errors: NO_ERRORS };
}

function runStep(
  search: Search,
  lists: readonly RuleList[],
  { name, steps }: { name: string; steps: Step[] | undefined },
): Decision | undefined {
  const decision = findFirst(search, lists, name);
  if (steps !== undefined) {
    const step = { name: search.name, searched: lists.map(({ path }) => path) };
    steps.push(decision === undefined ? step : { ...step, found: decision });
  }
  return decision;
}

function findFirst(
  { kind, effect }: Search,
  lists: readonly RuleList[],
  name: string,
): Decision | undefined {
  for (const list of lists) {
    const index = list.find(kind, name);
    if (index !== undefined) return { effect, rule: `${list.path}[${index}]`, errors: NO_ERRORS };
  }
  return undefined;
}

function record(decision: Decision, step: Step, steps: Step[] | undefined): Decision {
  steps?.push({ ...step, found: decision });
  return decision;
}
