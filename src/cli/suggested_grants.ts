import type { Rules } from "../config/mod.ts";
import type { WrittenGrants } from "../config/editing/mod.ts";
import { formatPath } from "../json.ts";
import { compilePattern, compilePolicy, type Effect, type Step } from "../policy/mod.ts";
import type { ToolEntry } from "../tool_entry.ts";
import { listEntries } from "./rule_entries.ts";
import type { ToolUse, Usage, UsedItems } from "./used_items.ts";
import { toWrittenEntry } from "./written_entry.ts";

/** An entry in a suggestion, as it is written in a file. */
type WrittenEntry = string | Readonly<Record<string, unknown>>;

type ToolLists = Readonly<Record<Effect, readonly WrittenEntry[]>>;

/** A tool of a server, and its use. */
interface UsedTool {
  readonly server: string;
  readonly tool: string;
  readonly use: ToolUse;
}

/** Options of `suggestGrants`. */
export interface SuggestOptions {
  readonly agent: string;
  /** The present rules, whose conditions are kept. */
  readonly rules: Rules;
  /** Whether the conditions for a tool are left out, because a call was let through that they do not allow. */
  readonly dropsConditions: (server: string, tool: string) => boolean;
}

/** Returns the narrowest grants that allow what an agent has done, and need an approval where one was needed. */
export function suggestGrants(usage: Usage, options: SuggestOptions): WrittenGrants {
  const servers = [...usage.servers].sort(([one], [two]) => one < two ? -1 : 1);
  const listTools = createToolLists(options);
  const tools = servers.map(([server, items]) => {
    const lists = [...items.tools].sort(([one], [two]) => one < two ? -1 : 1)
      .map(([tool, use]) => listTools({ server, tool, use }));
    return { server, lists };
  });
  const toolsOf = (effect: Effect): Record<string, WrittenEntry[]> => {
    const members = tools.map(({ server, lists }) => {
      return [server, lists.flatMap((list) => list[effect])] as const;
    });
    return Object.fromEntries(members.filter(([, entries]) => entries.length > 0));
  };
  const namesOf = (kind: "resources" | "prompts"): Record<string, readonly string[]> => {
    const members = servers.map(([server, items]) => [server, [...items[kind]].sort()] as const);
    return addMissingList(
      Object.fromEntries(members.filter(([, names]) => names.length > 0)),
      servers,
    );
  };
  const [deny, ask] = [toolsOf("deny"), toolsOf("ask")];
  return {
    allow: servers.length === 0 ? {} : {
      servers: servers.map(([server]) => server),
      tools: addMissingList(toolsOf("allow"), servers),
      resources: namesOf("resources"),
      prompts: namesOf("prompts"),
    },
    ...(Object.keys(deny).length > 0 && { deny: { tools: deny } }),
    ...(Object.keys(ask).length > 0 && { ask: { tools: ask } }),
    ...(usage.hasReadStatus && { status: true as const }),
  };
}

/** Adds an empty list for `*` if a server has no list: without one, everything of that server would be allowed. */
function addMissingList<T>(
  lists: Readonly<Record<string, readonly T[]>>,
  servers: readonly (readonly [string, UsedItems])[],
): Record<string, readonly T[]> {
  const isComplete = servers.every(([server]) => Object.hasOwn(lists, server));
  return isComplete ? { ...lists } : { ...lists, "*": [] };
}

/** Returns a function that lists the entries about a tool by their effect. */
function createToolLists(
  { agent, rules, dropsConditions }: SuggestOptions,
): (used: UsedTool) => ToolLists {
  const policy = compilePolicy(rules);
  const entries = new Map(
    listEntries(rules, agent).filter(({ key }) => key === "tools")
      .map(({ path, entry }) => [formatPath(path), entry] as const),
  );
  return ({ server, tool, use }) => {
    const { effect, steps } = policy.explain(agent, { kind: "tool", server, tool });
    if (effect !== "depends" || dropsConditions(server, tool)) {
      // Calls that the present rules ask for are never allowed without an approval.
      const isAsked = use.isAsked || effect === "ask";
      return { allow: isAsked ? [] : [tool], deny: [], ask: isAsked ? [tool] : [] };
    }
    const matching = steps.flatMap((step) => listMatchingEntries(step, entries));
    // The new entries name this tool only, and an entry without wildcards is decided before all with wildcards. If that
    // would change the order of the entries, those that had wildcards end with one, and longer names are denied.
    const keepsWildcards = compilePattern(tool).isExplicit && !isOrdered(matching);
    const lists: Record<Effect, WrittenEntry[]> = { allow: [], deny: [], ask: [] };
    for (const { entry, effect, isWildcard } of matching) {
      const name = isWildcard && keepsWildcards ? `${tool}*` : tool;
      lists[effect].push(
        entry === undefined || typeof entry === "string"
          ? name
          : toWrittenEntry({ ...entry, tool: name }),
      );
    }
    if (keepsWildcards) lists.deny.push(`${tool}?*`);
    return lists;
  };
}

/** An entry that matches a tool, at least under conditions. */
interface MatchingEntry {
  /** Absent if the server allows all of its tools. */
  readonly entry: ToolEntry | undefined;
  readonly effect: Effect;
  /** Whether the entry is decided after those without wildcards. */
  readonly isWildcard: boolean;
}

/** Lists the entries that a step finds. */
function listMatchingEntries(
  { name, skipped = [], decision }: Step,
  entries: ReadonlyMap<string, ToolEntry>,
): MatchingEntry[] {
  if (name.startsWith("server ")) return [];
  return [...skipped, ...decision === undefined ? [] : [decision]].flatMap(({ rule, effect }) => {
    const entry = entries.get(rule);
    // A decision by default denies, or allows all tools of the server.
    if (effect === "depends" || (entry === undefined && effect === "deny")) return [];
    return [{ entry, effect, isWildcard: !name.startsWith("explicit ") }];
  });
}

const RANKS: Readonly<Record<Effect, number>> = { deny: 0, ask: 1, allow: 2 };

/** Whether the entries would be decided in the same order if none had wildcards. */
function isOrdered(matching: readonly MatchingEntry[]): boolean {
  return matching.every(({ effect }, index) => {
    return RANKS[effect] >= RANKS[matching[index - 1]?.effect ?? "deny"];
  });
}
