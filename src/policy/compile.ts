import {
  type Characters,
  compareCharacters,
  compilePattern,
  type Pattern,
  toCharacters,
} from "../wildcards/mod.ts";
import { formatPath } from "../json.ts";
import type { AgentGrants, GrantLists } from "./rules.ts";

/** The entries of a list that a step of the decision searches. */
export type EntryKind = "explicit" | "wildcard" | "any";

/** One list of patterns of the rules file, ready to search. */
export interface RuleList {
  /** Path of the list, such as `agents.backend.deny.tools.postgres`. */
  readonly path: string;
  /** Finds the first entry of that kind that matches the name; returns its index. */
  find(kind: EntryKind, name: string): number | undefined;
}

/** All tool lists under one `allow` or `deny`. */
export interface KeyedLists {
  /** Returns the lists whose key matches the server; if several decide alike, the first counts. */
  matching(server: string): RuleList[];
}

/** The compiled rules of one agent. */
export interface CompiledAgent {
  readonly allow: CompiledGrants;
  readonly deny: CompiledGrants;
  /** The permission to read the gateway's status, and the path of its entry. */
  readonly status: { readonly granted: boolean; readonly path: string };
}

/** One compiled `allow` or `deny`. */
export interface CompiledGrants {
  readonly servers: RuleList;
  readonly tools: KeyedLists;
}

type RulePath = readonly string[];

/** Compiles the rules of one agent. */
export function compileAgent(agent: string, grants: AgentGrants): CompiledAgent {
  return {
    allow: compileGrants(grants.allow, ["agents", agent, "allow"]),
    deny: compileGrants(grants.deny, ["agents", agent, "deny"]),
    status: { granted: grants.status ?? false, path: formatPath(["agents", agent, "status"]) },
  };
}

function compileGrants(grants: GrantLists | undefined, path: RulePath): CompiledGrants {
  return {
    servers: compileList(grants?.servers ?? [], [...path, "servers"]),
    tools: compileKeyedLists(grants?.tools ?? new Map(), [...path, "tools"]),
  };
}

/** Compiles a list when it is first searched: most calls concern one or two of an agent's lists. */
function compileList(entries: readonly string[], path: RulePath): RuleList {
  let search: RuleList["find"] | undefined;
  let text: string | undefined;
  return {
    get path() {
      return text ??= formatPath(path);
    },
    find: (kind, name) => (search ??= compileEntries(entries))(kind, name),
  };
}

function compileEntries(entries: readonly string[]): RuleList["find"] {
  const explicit = new Map<string, number>();
  const wildcards: { index: number; matches: Pattern["matches"] }[] = [];
  for (const [index, entry] of entries.entries()) {
    const pattern = compilePattern(entry);
    if (!pattern.explicit) wildcards.push({ index, matches: pattern.matches });
    else if (!explicit.has(entry)) explicit.set(entry, index);
  }
  return (kind, name) => {
    const named = kind === "wildcard" ? undefined : explicit.get(name);
    if (kind === "explicit") return named;
    const wildcard = wildcards.find(({ matches }) => matches(name))?.index;
    return named !== undefined && wildcard !== undefined
      ? Math.min(named, wildcard)
      : named ?? wildcard;
  };
}

interface WildcardKey {
  readonly key: string;
  readonly characters: Characters;
  readonly matches: Pattern["matches"];
  readonly list: RuleList;
}

/*
 * Nothing is cached per server: callers choose the names of servers, so they could make a cache grow.
 * Keys without wildcards are found by hash, and only keys with wildcards are tried one by one.
 */
function compileKeyedLists(
  lists: ReadonlyMap<string, readonly string[]>,
  path: RulePath,
): KeyedLists {
  const byKey = new Map<string, RuleList>();
  const wildcardKeys: WildcardKey[] = [];
  for (const [key, entries] of lists) {
    const list = compileList(entries, [...path, key]);
    byKey.set(key, list);
    const { explicit, matches } = compilePattern(key);
    if (!explicit) wildcardKeys.push({ key, characters: toCharacters(key), matches, list });
  }
  wildcardKeys.sort(compareKeys);
  const matching = (server: string) => {
    const exact = byKey.get(server);
    const others = wildcardKeys
      .filter(({ key, matches }) => key !== server && matches(server))
      .map(({ list }) => list);
    return exact === undefined ? others : [exact, ...others];
  };
  return { matching };
}

/** Orders keys by length, the longest first, then by code points. */
function compareKeys(left: WildcardKey, right: WildcardKey): number {
  return right.characters.length - left.characters.length ||
    compareCharacters(left.characters, right.characters);
}
