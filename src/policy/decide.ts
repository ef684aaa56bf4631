import type { CompiledAgent, CompiledGrants, EntryKind, RuleList, ServerLists } from "./compile.ts";
import { toUriName } from "./uri_entries.ts";

/** An action of an agent, about which the policy decides. */
export type AccessRequest =
  /** Use a server, whether it is configured or not. */
  | { readonly kind: "server"; readonly server: string }
  /** Call a tool; denied if the agent may not use the server. */
  | {
    readonly kind: "tool";
    readonly server: string;
    readonly tool: string;
    /** Returns the parsed arguments, for rules that depend on them; today, no rule does. */
    readonly args?: () => unknown;
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
  /** Whether the access is allowed or denied. */
  readonly effect: "allow" | "deny";
  /**
   * Path of the entry that decided, such as `agents.backend.deny.tools.postgres[0]`. If no entry
   * matched, the path of the list in which an entry could have allowed the access.
   */
  readonly rule: string;
  /** Errors while deciding, for the log only. A decision with errors denies. */
  readonly errors: readonly Error[];
}

/**
 * The name of a step. A `default` step decides if the searches before it have found nothing. `agent` denies an
 * unknown agent, and `error` denies because deciding failed.
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
  | "tool default"
  | "resource default"
  | "prompt default";

/** One step of a decision. */
export interface Step {
  /** Name of the step. */
  readonly name: StepName;
  /** Paths of the searched lists, the most specific first; empty if the rules have none. */
  readonly searched: readonly string[];
  /** The decision of this step; absent if nothing matched, so that the next step follows. */
  readonly decision?: Decision;
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

/** The order of the searches for a tool, a resource or a prompt. */
const ITEM_ORDER: readonly Search[] = [
  EXPLICIT_DENY,
  EXPLICIT_ALLOW,
  WILDCARD_DENY,
  WILDCARD_ALLOW,
];

/** The order with `deny_overrides`, for rules in which a deny always wins. */
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
  /** The list to which the steps are appended; absent if they are not needed. */
  readonly steps?: Step[] | undefined;
}

/**
 * Decides about an access request of an agent in the rules.
 *
 * @param agent The agent's rules.
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
      return decideItem(agent, {
        ...request,
        name: request.tool,
        listsIn: ({ tools }) => tools,
      }, options);
    case "resource":
      return decideItem(agent, {
        ...request,
        name: toUriName(request.uri),
        listsIn: ({ resources }) => resources,
      }, options);
    case "prompt":
      return decideItem(agent, {
        ...request,
        name: request.prompt,
        listsIn: ({ prompts }) => prompts,
      }, options);
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
  return addDecidingStep(deny(path), { name: "server default", searched: [] }, steps);
}

/** An access request for a tool, a resource or a prompt, and the lists that decide about it. */
interface ItemRequest<Name> {
  readonly kind: "tool" | "resource" | "prompt";
  readonly server: string;
  readonly name: Name;
  readonly listsIn: (grants: CompiledGrants) => ServerLists<Name>;
}

function decideItem<Name>(
  agent: CompiledAgent,
  { kind, server, name, listsIn }: ItemRequest<Name>,
  { denyOverrides = false, steps }: DecideOptions,
): Decision {
  const serverDecision = decideServer(agent, server, steps);
  if (serverDecision.effect === "deny") return serverDecision;
  const lists = {
    allow: listsIn(agent.allow).listsFor(server),
    deny: listsIn(agent.deny).listsFor(server),
  };
  for (const search of denyOverrides ? DENY_OVERRIDES_ORDER : ITEM_ORDER) {
    const decision = runStep(search, lists[search.effect], { name, steps });
    if (decision !== undefined) return decision;
  }
  // An allowed server allows all its items of this kind, unless the rules also list allowed ones.
  const [firstList] = lists.allow;
  const decision = firstList === undefined ? serverDecision : deny(firstList.path);
  return addDecidingStep(decision, { name: `${kind} default`, searched: [] }, steps);
}

function decideStatus({ status }: CompiledAgent, steps?: Step[]): Decision {
  const effect = status.isGranted ? "allow" : "deny";
  const decision: Decision = { effect, rule: status.path, errors: NO_ERRORS };
  return addDecidingStep(decision, { name: "status", searched: [status.path] }, steps);
}

/** Denies an agent that is not in the rules; `path` is the path that its rules would have. */
export function decideUnknownAgent(path: string, steps?: Step[]): Decision {
  return addDecidingStep(deny(path), { name: "agent", searched: [] }, steps);
}

/** Denies because deciding itself failed; `path` is the path of the agent's rules. */
export function denyForError(path: string, error: unknown, steps?: Step[]): Decision {
  const errors = [error instanceof Error ? error : new Error(String(error))];
  return addDecidingStep({ ...deny(path), errors }, { name: "error", searched: [] }, steps);
}

function deny(rule: string): Decision {
  return { effect: "deny", rule, errors: NO_ERRORS };
}

/** Searches lists and adds the step; returns the decision if an entry matches. */
function runStep<Name>(
  search: Search,
  lists: readonly RuleList<Name>[],
  { name, steps }: { name: Name; steps: Step[] | undefined },
): Decision | undefined {
  const decision = findDecision(search, lists, name);
  if (steps !== undefined) {
    const step = { name: search.name, searched: lists.map(({ path }) => path) };
    steps.push(decision === undefined ? step : { ...step, decision });
  }
  return decision;
}

function findDecision<Name>(
  { kind, effect }: Search,
  lists: readonly RuleList<Name>[],
  name: Name,
): Decision | undefined {
  for (const list of lists) {
    const index = list.findEntry(kind, name);
    if (index !== undefined) return { effect, rule: `${list.path}[${index}]`, errors: NO_ERRORS };
  }
  return undefined;
}

/** Adds the step that decided, and returns its decision. */
function addDecidingStep(decision: Decision, step: Step, steps: Step[] | undefined): Decision {
  steps?.push({ ...step, decision });
  return decision;
}
