import type { CompiledAgent, CompiledGrants, EntriesByServer, RuleList } from "./compile.ts";
import type { AccessRequest, DecidingCondition, Decision, Step, StepName } from "./decision.ts";
import { OWN_SERVER, READ_RESULT } from "../own_server.ts";
import type { EntryKind, JudgedCondition, SkippedEntry } from "./entries.ts";
import type { Effect } from "./rules.ts";
import { toToolName } from "./tool_entries.ts";
import { toUriName } from "./uri_entries.ts";

interface Search<E extends Effect = Effect> {
  readonly name: StepName;
  readonly effect: E;
  readonly kind: EntryKind;
}

const SERVER_ORDER: readonly Search<"allow" | "deny">[] = [
  { name: "server deny", effect: "deny", kind: "any" },
  { name: "server allow", effect: "allow", kind: "any" },
];

const EXPLICIT_DENY: Search = { name: "explicit deny", effect: "deny", kind: "explicit" };
const EXPLICIT_ASK: Search = { name: "explicit ask", effect: "ask", kind: "explicit" };
const EXPLICIT_ALLOW: Search = { name: "explicit allow", effect: "allow", kind: "explicit" };
const WILDCARD_DENY: Search = { name: "wildcard deny", effect: "deny", kind: "wildcard" };
const WILDCARD_ASK: Search = { name: "wildcard ask", effect: "ask", kind: "wildcard" };
const WILDCARD_ALLOW: Search = { name: "wildcard allow", effect: "allow", kind: "wildcard" };

/** The order of the searches for a tool, a resource or a prompt; those of `ask` are left out if there is none. */
const ITEM_ORDER: readonly Search[] = [
  EXPLICIT_DENY,
  EXPLICIT_ASK,
  EXPLICIT_ALLOW,
  WILDCARD_DENY,
  WILDCARD_ASK,
  WILDCARD_ALLOW,
];

/** The order with `deny_overrides`: every deny comes before every ask, and every ask before every allow. */
const DENY_OVERRIDES_ORDER: readonly Search[] = [
  EXPLICIT_DENY,
  WILDCARD_DENY,
  EXPLICIT_ASK,
  WILDCARD_ASK,
  EXPLICIT_ALLOW,
  WILDCARD_ALLOW,
];

const NO_ERRORS: readonly Error[] = [];

/** The effects that are better for an agent than the one that decided. */
const BETTER_EFFECTS: Readonly<Record<Effect, readonly Effect[]>> = {
  deny: ["allow", "ask"],
  ask: ["allow"],
  allow: [],
};

/** Maximum number of failed conditions that a denial has. */
const MAX_CONDITIONS = 3;

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
      return decideServer(agent, request.server, {
        limitPath: request.server === OWN_SERVER ? agent.resultLimitPath : undefined,
        steps: options.steps,
      });
    case "tool": {
      const { server, tool } = request;
      return decideItem(agent, {
        kind: "tool",
        server,
        name: toToolName(request),
        listsIn: ({ tools }) => tools,
        askLists: agent.ask?.tools,
        limitPath: server === OWN_SERVER && tool === READ_RESULT
          ? agent.resultLimitPath
          : undefined,
      }, options);
    }
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

function decideServer(
  agent: CompiledAgent,
  server: string,
  { limitPath, steps }: {
    readonly limitPath: string | undefined;
    readonly steps: Step[] | undefined;
  },
): Decision {
  for (const search of SERVER_ORDER) {
    const decision = runStep(search, [agent[search.effect].servers], { name: server, steps });
    if (decision !== undefined) return decision;
  }
  if (limitPath !== undefined) return allowByLimit(limitPath, steps);
  const { path } = agent.allow.servers;
  return addDecidingStep(deny(path), { name: "server default", searched: [] }, steps);
}

/** An access request for a tool, a resource or a prompt, and the lists that decide about it. */
interface ItemAccess<Name> {
  readonly kind: "tool" | "resource" | "prompt";
  readonly server: string;
  readonly name: Name;
  readonly listsIn: (grants: CompiledGrants) => EntriesByServer<Name>;
  /** The lists under `ask`; absent if there are none. */
  readonly askLists?: EntriesByServer<Name> | undefined;
  /** Path of the limit that allows the access if no entry decides; absent if there is none. */
  readonly limitPath?: string | undefined;
}

function decideItem<Name>(
  agent: CompiledAgent,
  { kind, server, name, listsIn, askLists, limitPath }: ItemAccess<Name>,
  { denyOverrides = false, steps }: DecideOptions,
): Decision {
  const serverDecision = decideServer(agent, server, { limitPath, steps });
  if (serverDecision.effect === "deny") return serverDecision;
  const lists = {
    allow: listsIn(agent.allow).listsFor(server),
    deny: listsIn(agent.deny).listsFor(server),
    ask: askLists?.listsFor(server),
  };
  const skipped: SkippedItem[] = [];
  for (const search of denyOverrides ? DENY_OVERRIDES_ORDER : ITEM_ORDER) {
    const searchedLists = lists[search.effect];
    if (searchedLists === undefined) continue;
    const decision = runStep(search, searchedLists, { name, steps, skipped });
    if (decision !== undefined) return concludeUndecided(decision, skipped);
  }
  if (limitPath !== undefined) return concludeUndecided(allowByLimit(limitPath, steps), skipped);
  // An allowed server allows all its items of this kind, unless the rules also list allowed ones.
  const [firstList] = lists.allow;
  const decision = firstList === undefined
    ? serverDecision
    : denyByDefault(firstList.path, skipped);
  const step = { name: `${kind} default`, searched: [] } as const;
  return concludeUndecided(addDecidingStep(decision, step, steps), skipped);
}

/** Lets an agent read the rest of its results if a limit cuts them. */
function allowByLimit(path: string, steps: Step[] | undefined): Decision {
  const decision: Decision = { effect: "allow", rule: path, errors: NO_ERRORS };
  return addDecidingStep(decision, { name: "result limit", searched: [path] }, steps);
}

/** Denies because no entry has allowed the access; names an entry whose condition does not hold, if there is one. */
function denyByDefault(path: string, skipped: readonly SkippedItem[]): Decision {
  const conditions = failedConditions(skipped, BETTER_EFFECTS.deny);
  const [first] = conditions;
  return first === undefined ? deny(path) : { ...deny(first.rule), conditions };
}

/** Returns the decision, or one that depends on conditions if these might change it and are not known yet. */
function concludeUndecided(decision: Decision, skipped: readonly SkippedItem[]): Decision {
  const undecided = skipped.filter(({ state }) => state === "depends");
  const [first] = undecided;
  if (first === undefined || undecided.every(({ effect }) => effect === decision.effect)) {
    return decision;
  }
  const conditions = undecided.map(describeCondition);
  return { effect: "depends", rule: ruleOf(first), errors: NO_ERRORS, conditions };
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
  { name, steps, skipped = [] }: {
    readonly name: Name;
    readonly steps: Step[] | undefined;
    /** The list to which the skipped entries are appended. */
    readonly skipped?: SkippedItem[];
  },
): Decision | undefined {
  const firstSkipped = skipped.length;
  const decision = findDecision(search, lists, { name, skipped });
  if (steps !== undefined) {
    const skippedHere = skipped.slice(firstSkipped)
      .map((item) => ({ ...describeCondition(item), state: item.state }));
    steps.push({
      name: search.name,
      searched: lists.map(({ path }) => path),
      ...(skippedHere.length > 0 && { skipped: skippedHere }),
      ...(decision !== undefined && { decision }),
    });
  }
  return decision;
}

/** An entry that matches the name, but was skipped because of its condition. */
interface SkippedItem extends SkippedEntry {
  readonly effect: Effect;
  readonly list: { readonly path: string };
}

function ruleOf({ list, index }: Pick<SkippedItem, "list" | "index">): string {
  return `${list.path}[${index}]`;
}

/** An entry with its condition; one that decided has no state. */
type ConditionalItem = Omit<SkippedItem, "state"> & Partial<Pick<SkippedItem, "state">>;

function describeCondition(
  { list, index, effect, condition, state }: ConditionalItem,
): DecidingCondition {
  const change = { toMatch: effect === "allow" || (effect === "ask" && state === "fails") };
  return {
    rule: ruleOf({ list, index }),
    effect,
    requirement: condition.requirement(change),
    isCorrectable: condition.isCorrectable(change),
  };
}

/**
 * Returns the conditions that do not hold, of entries with one of the effects; if other arguments can fulfil some of
 * them, only those.
 */
function failedConditions(
  skipped: readonly SkippedItem[],
  effects: readonly Effect[],
): DecidingCondition[] {
  const failedItems = skipped.filter(({ state, effect }) => {
    return state === "fails" && effects.includes(effect);
  });
  const correctable = failedItems.filter(({ condition }) =>
    condition.isCorrectable({ toMatch: true })
  );
  return (correctable.length > 0 ? correctable : failedItems).slice(0, MAX_CONDITIONS)
    .map(describeCondition);
}

function findDecision<Name>(
  { kind, effect }: Search,
  lists: readonly RuleList<Name>[],
  { name, skipped }: { readonly name: Name; readonly skipped: SkippedItem[] },
): Decision | undefined {
  for (const list of lists) {
    const result = list.findEntry(kind, name);
    if (result === undefined) continue;
    if (typeof result === "number") return decideBy({ list, index: result, effect }, skipped);
    for (const { index, state, condition } of result.skipped) {
      skipped.push({ list, index, state, condition, effect });
    }
    const { index, condition } = result;
    if (index !== undefined) return decideBy({ list, index, effect, condition }, skipped);
  }
  return undefined;
}

/** Returns the decision of an entry; if it does not allow, with the conditions that would have to change. */
function decideBy(
  { list, index, effect, condition }: Pick<SkippedItem, "list" | "index" | "effect"> & {
    readonly condition?: JudgedCondition | undefined;
  },
  skipped: readonly SkippedItem[],
): Decision {
  const decision: Decision = { effect, rule: ruleOf({ list, index }), errors: NO_ERRORS };
  if (effect === "allow") return decision;
  const conditions = [
    ...condition === undefined ? [] : [describeCondition({ list, index, effect, condition })],
    ...failedConditions(skipped, BETTER_EFFECTS[effect]),
  ];
  return conditions.length === 0 ? decision : { ...decision, conditions };
}

/** Adds the step that decided, and returns its decision. */
function addDecidingStep(decision: Decision, step: Step, steps: Step[] | undefined): Decision {
  steps?.push({ ...step, decision });
  return decision;
}
