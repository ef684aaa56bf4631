import { EFFECTS, type Grants, type Rules } from "../config/mod.ts";
import { compilePattern, type Effect } from "../policy/mod.ts";
import type { ToolEntry } from "../tool_entry.ts";

/** The keys of the lists in an agent's rules. */
const LIST_KEYS = ["servers", "tools", "resources", "prompts"] as const;

/** An entry of an agent's rules. */
export interface RuleEntry {
  readonly effect: Effect;
  /** The key of its list. */
  readonly key: typeof LIST_KEYS[number];
  /** The pattern of the servers that it is about. */
  readonly server: string;
  /** The entry as it is in the rules. */
  readonly entry: ToolEntry;
  /** Its path, such as `["agents", "backend", "deny", "tools", "postgres", 0]`. */
  readonly path: readonly (string | number)[];
}

/** Lists the entries of an agent's rules that can decide, in the order of effects. */
export function listEntries({ agents }: Pick<Rules, "agents">, agent: string): RuleEntry[] {
  const rules = agents.get(agent);
  return EFFECTS.flatMap((effect) => {
    const { servers = [], ...lists }: Grants = rules?.[effect] ?? {};
    return LIST_KEYS.flatMap((key): RuleEntry[] => {
      const path = ["agents", agent, effect, key];
      if (key === "servers") {
        return servers.map((server, index) => {
          return { effect, key, server, entry: server, path: [...path, index] };
        });
      }
      return [...lists[key] ?? []].flatMap(([server, entries]) =>
        entries.map((entry, index) => {
          return { effect, key, server, entry, path: [...path, server, index] };
        })
      );
    });
  });
}

/** Lists the entries of an agent's rules about the tools, resources or prompts of a server. */
export function listServerEntries(
  rules: Pick<Rules, "agents">,
  { agent, server, key }: {
    readonly agent: string;
    readonly server: string;
    readonly key: Exclude<RuleEntry["key"], "servers">;
  },
): RuleEntry[] {
  return listEntries(rules, agent)
    .filter((entry) => entry.key === key && compilePattern(entry.server).matches(server));
}

/** Returns the pattern of names or URIs in an entry. */
export function patternOf(entry: ToolEntry): string {
  return typeof entry === "string" ? entry : entry.tool;
}
