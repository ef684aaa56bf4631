import type { CompiledAgent, EntryKind, RuleList } from "./compile.ts";

/** An answer to "may this agent use that?". */
export interface Decision {
  /** Whether it may. */
  readonly allowed: boolean;
  /**
   * Path of the entry that decided, such as `agents.backend.deny.tools.postgres[0]`; where none
   * matched, of the list that did not grant it.
   */
  readonly rule: string;
}

/** What a step of a decision looks at; the two `default` steps and `agent` end a search in vain. */
export type StepName =
  | "agent"
  | "server deny"
  | "server allow"
  | "server default"
  | "explicit deny"
  | "explicit allow"
  | "wildcard deny"
  | "wildcard allow"
  | "tool default";

/** One step on the way to a decision, in the order in which they were taken. */
export interface Step {
  /** What was looked at. */
  readonly name: StepName;
  /** Paths of the lists that were searched, best first; empty where the rules have none. */
  readonly searched: readonly string[];
  /** What the step found; absent where nothing matched and the next step was taken. */
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

/** The order for rules written for versions of the original in which no allow outweighs a deny. */
const DENY_OVERRIDES_ORDER: readonly Search[] = [
  EXPLICIT_DENY,
  WILDCARD_DENY,
  EXPLICIT_ALLOW,
  WILDCARD_ALLOW,
];

/** Decides about a server, and appends the steps taken to `steps` where given. */
export function decideServer(agent: CompiledAgent, server: string, steps?: Step[]): Decision {
  for (const search of SERVER_ORDER) {
    const decision = take(search, [agent[search.effect].servers], { name: server, steps });
    if (decision !== undefined) return decision;
  }
  const { path } = agent.allow.servers;
  return conclude({ allowed: false, rule: path }, { name: "server default", searched: [] }, steps);
}

/** What is asked about a tool. */
export interface ToolQuestion {
  readonly server: string;
  readonly tool: string;
  readonly denyOverrides: boolean;
}

/** Decides about a tool, its server first, and appends the steps taken to `steps` where given. */
export function decideTool(agent: CompiledAgent, question: ToolQuestion, steps?: Step[]): Decision {
  const { server, tool, denyOverrides } = question;
  const aboutServer = decideServer(agent, server, steps);
  if (!aboutServer.allowed) return aboutServer;
  const lists = {
    allow: agent.allow.tools.matching(server),
    deny: agent.deny.tools.matching(server),
  };
  for (const search of denyOverrides ? DENY_OVERRIDES_ORDER : TOOL_ORDER) {
    const decision = take(search, lists[search.effect], { name: tool, steps });
    if (decision !== undefined) return decision;
  }
  // Granting a server grants its tools, unless the rules also say which ones.
  const [bestList] = lists.allow;
  const decision = bestList === undefined ? aboutServer : { allowed: false, rule: bestList.path };
  return conclude(decision, { name: "tool default", searched: [] }, steps);
}

/** Denies whoever is not in the rules; `path` is where that agent would stand. */
export function decideUnknownAgent(path: string, steps?: Step[]): Decision {
  return conclude({ allowed: false, rule: path }, { name: "agent", searched: [] }, steps);
}

function take(
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
    if (index !== undefined) return { allowed: effect === "allow", rule: `${list.path}[${index}]` };
  }
  return undefined;
}

function conclude(decision: Decision, step: Step, steps: Step[] | undefined): Decision {
  steps?.push({ ...step, found: decision });
  return decision;
}
