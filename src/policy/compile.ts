import {
  type Characters,
  compareCharacters,
  compilePattern,
  type Pattern,
  toCharacters,
} from "../wildcards/mod.ts";
import { formatPath } from "../json.ts";
import type { AgentGrants, GrantLists } from "./rules.ts";

/** The kind of entries that a step of a decision searches: without wildcards, with wildcards, or any. */
export type EntryKind = "explicit" | "wildcard" | "any";

/** One list of patterns of the rules file, ready to search. */
export interface RuleList {
  /** Path of the list, such as `agents.backend.deny.tools.postgres`. */
  readonly path: string;
  /** Returns the index of the first entry of a kind that matches the name. */
  findEntry(kind: EntryKind, name: string): number | undefined;
}

/** All lists of tools under one `allow` or `deny`, by server. */
export interface ToolLists {
  /** Returns the lists whose key matches the server, the list with the most specific key first. */
  listsFor(server: string): RuleList[];
}

/** The compiled rules of one agent. */
export interface CompiledAgent {
  readonly allow: CompiledGrants;
  readonly deny: CompiledGrants;
  /** The permission to read the gateway's status, and the path of its entry. */
  readonly status: { readonly isGranted: boolean; readonly path: string };
}

/** One compiled `allow` or `deny`. */
export interface CompiledGrants {
  readonly servers: RuleList;
  readonly tools: ToolLists;
}

type RulePath = readonly string[];

/** Compiles the rules of one agent. */
export function compileAgent(agent: string, grants: AgentGrants): CompiledAgent {
  return {
    allow: compileGrants(grants.allow, ["agents", agent, "allow"]),
    deny: compileGrants(grants.deny, ["agents", agent, "deny"]),
    status: { isGranted: grants.status ?? false, path: formatPath(["agents", agent, "status"]) },
  };
}

function compileGrants(grants: GrantLists | undefined, path: RulePath): CompiledGrants {
  return {
    servers: compileList(grants?.servers ?? [], [...path, "servers"]),
    tools: compileToolLists(grants?.tools ?? new Map(), [...path, "tools"]),
  };
}

/** Prepares a list, which is compiled when it is first searched: most calls concern one or two lists. */
function compileList(entries: readonly string[], path: RulePath): RuleList {
  let findEntry: RuleList["findEntry"] | undefined;
  let pathText: string | undefined;
  return {
    get path() {
      return pathText ??= formatPath(path);
    },
    findEntry: (kind, name) => (findEntry ??= compileEntries(entries))(kind, name),
  };
}

function compileEntries(entries: readonly string[]): RuleList["findEntry"] {
  const explicitIndexes = new Map<string, number>();
  const wildcards: { index: number; matches: Pattern["matches"] }[] = [];
  for (const [index, entry] of entries.entries()) {
    const pattern = compilePattern(entry);
    if (!pattern.isExplicit) wildcards.push({ index, matches: pattern.matches });
    else if (!explicitIndexes.has(entry)) explicitIndexes.set(entry, index);
  }
  return (kind, name) => {
    const exactIndex = kind === "wildcard" ? undefined : explicitIndexes.get(name);
    if (kind === "explicit") return exactIndex;
    const wildcardIndex = wildcards.find(({ matches }) => matches(name))?.index;
    return exactIndex !== undefined && wildcardIndex !== undefined
      ? Math.min(exactIndex, wildcardIndex)
      : exactIndex ?? wildcardIndex;
  };
}

interface WildcardKey {
  readonly key: string;
  readonly characters: Characters;
  readonly matches: Pattern["matches"];
  readonly list: RuleList;
}

/**
 * Compiles the lists of tools. Keys without wildcards are found by hash, and only keys with wildcards are
 * tried one by one. Nothing is cached per server, because callers choose the names of servers and could make
 * a cache grow.
 */
function compileToolLists(
  lists: ReadonlyMap<string, readonly string[]>,
  path: RulePath,
): ToolLists {
  const listsByKey = new Map<string, RuleList>();
  const wildcardKeys: WildcardKey[] = [];
  for (const [key, entries] of lists) {
    const list = compileList(entries, [...path, key]);
    listsByKey.set(key, list);
    const { isExplicit, matches } = compilePattern(key);
    if (!isExplicit) wildcardKeys.push({ key, characters: toCharacters(key), matches, list });
  }
  wildcardKeys.sort(compareKeys);
  const listsFor = (server: string) => {
    const exactList = listsByKey.get(server);
    const wildcardLists = wildcardKeys
      .filter(({ key, matches }) => key !== server && matches(server))
      .map(({ list }) => list);
    return exactList === undefined ? wildcardLists : [exactList, ...wildcardLists];
  };
  return { listsFor };
}

/** Orders keys by length, the longest first, then by code points. */
function compareKeys(left: WildcardKey, right: WildcardKey): number {
  return right.characters.length - left.characters.length ||
    compareCharacters(left.characters, right.characters);
}
