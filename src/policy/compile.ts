import {
  type Characters,
  compareCharacters,
  compilePattern,
  type Pattern,
  toCharacters,
} from "../wildcards/mod.ts";
import { formatPath } from "../json.ts";
import { namesOwnServer, OWN_SERVER } from "../own_server.ts";
import { compileEntries, type FindEntry } from "./entries.ts";
import type { AgentGrants, AskLists, GrantLists } from "./rules.ts";
import type { CompileToolEntries, ToolName } from "./tool_entries.ts";
import { compileUriEntries, type UriName } from "./uri_entries.ts";

/** One list of patterns of the rules file, ready to search. */
export interface RuleList<Name = string> {
  /** Path of the list, such as `agents.backend.deny.tools.postgres`. */
  readonly path: string;
  readonly findEntry: FindEntry<Name>;
}

/** All lists of tools, of prompts or of resources under one `allow` or `deny`, by server. */
export interface EntriesByServer<Name = string> {
  /** Returns the lists whose key matches the server, the list with the most specific key first. */
  listsFor(server: string): RuleList<Name>[];
}

/** The compiled rules of one agent. */
export interface CompiledAgent {
  readonly allow: CompiledGrants;
  readonly deny: CompiledGrants;
  /** Absent if the agent's rules have no `ask`. */
  readonly ask: CompiledAsk | undefined;
  readonly isShadowed: boolean;
  /** Path of the limit on the agent's results; absent if there is none. */
  readonly resultLimitPath?: string | undefined;
  /** The permission to read the gateway's status, and the path of its entry. */
  readonly status: { readonly isGranted: boolean; readonly path: string };
}

/** One compiled `allow` or `deny`. */
export interface CompiledGrants {
  readonly servers: RuleList;
  readonly tools: EntriesByServer<ToolName>;
  readonly resources: EntriesByServer<UriName>;
  readonly prompts: EntriesByServer;
}

/** The compiled `ask`. */
export interface CompiledAsk {
  readonly tools: EntriesByServer<ToolName>;
}

type RulePath = readonly string[];

/** Options of compiling the rules of one agent. */
export interface CompileAgentOptions {
  /** The agent's id. */
  readonly agent: string;
  /** Compiles lists of tools; all agents of a policy share it. */
  readonly compileTools: CompileToolEntries;
}

/** Compiles the rules of one agent. */
export function compileAgent(grants: AgentGrants, options: CompileAgentOptions): CompiledAgent {
  const { agent } = options;
  return {
    allow: compileGrants(grants.allow, { ...options, effect: "allow" }),
    deny: compileGrants(grants.deny, { ...options, effect: "deny" }),
    ask: grants.ask && compileAsk(grants.ask, options),
    isShadowed: grants.isShadowed ?? false,
    status: { isGranted: grants.status ?? false, path: formatPath(["agents", agent, "status"]) },
  };
}

function compileAsk(
  { tools }: AskLists,
  { agent, compileTools }: CompileAgentOptions,
): CompiledAsk {
  return {
    tools: compileServerLists(tools ?? new Map(), {
      path: ["agents", agent, "ask", "tools"],
      compile: (entries) => compileTools(entries, "ask"),
    }),
  };
}

function compileGrants(
  grants: GrantLists | undefined,
  { agent, effect, compileTools }: CompileAgentOptions & { readonly effect: "allow" | "deny" },
): CompiledGrants {
  const path = ["agents", agent, effect];
  const listsByServer = <Name>(
    key: "resources" | "prompts",
    compile: (entries: readonly string[]) => FindEntry<Name>,
  ) => compileServerLists(grants?.[key] ?? new Map(), { path: [...path, key], compile });
  return {
    servers: compileList(grants?.servers ?? [], {
      path: [...path, "servers"],
      compile: effect === "allow" ? compileGrantedServers : compileEntries,
    }),
    tools: compileServerLists(grants?.tools ?? new Map(), {
      path: [...path, "tools"],
      compile: (entries) => compileTools(entries, effect),
    }),
    resources: listsByServer("resources", (entries) => compileUriEntries(entries, effect)),
    prompts: listsByServer("prompts", compileEntries),
  };
}

/** Compiles `allow.servers`, where only a pattern with the whole name of the own server grants that server. */
function compileGrantedServers(patterns: readonly string[]): FindEntry<string> {
  const findEntry = compileEntries(patterns);
  const ownIndex = patterns.findIndex(namesOwnServer);
  return (kind, name) => {
    if (name !== OWN_SERVER) return findEntry(kind, name);
    return ownIndex < 0 ? undefined : ownIndex;
  };
}

interface CompileOptions<Name, Entry> {
  readonly path: RulePath;
  readonly compile: (entries: readonly Entry[]) => FindEntry<Name>;
}

/** Prepares a list, which is compiled when it is first searched: most calls concern one or two lists. */
function compileList<Name, Entry>(
  entries: readonly Entry[],
  { path, compile }: CompileOptions<Name, Entry>,
): RuleList<Name> {
  let findEntry: FindEntry<Name> | undefined;
  let pathText: string | undefined;
  return {
    get path() {
      return pathText ??= formatPath(path);
    },
    findEntry: (kind, name) => (findEntry ??= compile(entries))(kind, name),
  };
}

interface WildcardKey<Name> {
  readonly key: string;
  readonly characters: Characters;
  readonly matches: Pattern["matches"];
  readonly list: RuleList<Name>;
}

/**
 * Compiles lists by server. Keys without wildcards are found by hash, and only keys with wildcards are
 * tried one by one. Nothing is cached per server, because callers choose the names of servers and could make
 * a cache grow.
 */
function compileServerLists<Name, Entry>(
  lists: ReadonlyMap<string, readonly Entry[]>,
  { path, compile }: CompileOptions<Name, Entry>,
): EntriesByServer<Name> {
  const listsByKey = new Map<string, RuleList<Name>>();
  const wildcardKeys: WildcardKey<Name>[] = [];
  for (const [key, entries] of lists) {
    const list = compileList(entries, { path: [...path, key], compile });
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

type KeyCharacters = Pick<WildcardKey<unknown>, "characters">;

/** Orders keys by length, the longest first, then by code points. */
function compareKeys(left: KeyCharacters, right: KeyCharacters): number {
  return right.characters.length - left.characters.length ||
    compareCharacters(left.characters, right.characters);
}
