import { EFFECTS, type EntryLists, type Rules } from "../config/mod.ts";
import { compilePattern } from "../policy/mod.ts";
import type { ToolEntry } from "../tool_entry.ts";

/** The keys of the lists by server in an agent's rules. */
const KEYS = ["tools", "resources", "prompts"] as const;

/** An entry of an agent's rules. */
export interface RuleEntry {
  /** The key of its list. */
  readonly key: "servers" | typeof KEYS[number];
  /** The entry as it is in the rules; only an entry of tools may have conditions. */
  readonly entry: ToolEntry;
  /** Its path, such as `["agents", "backend", "deny", "tools", "postgres", 0]`. */
  readonly path: readonly (string | number)[];
}

/** A list of entries. */
interface EntryList extends Pick<RuleEntry, "key"> {
  /** The pattern of the servers that the entries are about; absent for a list of servers. */
  readonly server?: string;
  readonly entries: readonly ToolEntry[];
  readonly path: readonly string[];
}

/** Lists all entries of an agent's rules: those of `allow`, of `deny` and of `ask`. */
export function listEntries(rules: Pick<Rules, "agents">, agent: string): RuleEntry[] {
  return listsOf(rules, agent).flatMap(entriesOf);
}

/** Lists the entries of an agent's rules about the tools, resources or prompts of a server. */
export function listServerEntries(
  rules: Pick<Rules, "agents">,
  { agent, server, key }: {
    readonly agent: string;
    readonly server: string;
    readonly key: typeof KEYS[number];
  },
): RuleEntry[] {
  return listsOf(rules, agent).filter((list) => {
    return list.key === key && list.server !== undefined &&
      compilePattern(list.server).matches(server);
  }).flatMap(entriesOf);
}

/** Returns the pattern of names or URIs in an entry. */
export function patternOf(entry: ToolEntry): string {
  return typeof entry === "string" ? entry : entry.tool;
}

function listsOf({ agents }: Pick<Rules, "agents">, agent: string): EntryList[] {
  return EFFECTS.flatMap((effect) => {
    const grants: EntryLists = agents.get(agent)?.[effect] ?? {};
    const path = ["agents", agent, effect];
    return [
      { key: "servers" as const, entries: grants.servers ?? [], path: [...path, "servers"] },
      ...KEYS.flatMap((key) =>
        [...grants[key] ?? []].map(([server, entries]) => {
          return { key, server, entries, path: [...path, key, server] };
        })
      ),
    ];
  });
}

function entriesOf({ key, entries, path }: EntryList): RuleEntry[] {
  return entries.map((entry, index) => ({ key, entry, path: [...path, index] }));
}
