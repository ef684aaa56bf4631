import {
  type ConfigProblem,
  type Configuration,
  EFFECTS,
  type EntryLists,
  type Rules,
  suggestCorrection,
} from "../config/mod.ts";
import { problemWithoutPosition } from "../errors.ts";
import { formatPath } from "../json.ts";
import type { Item } from "../downstream/mod.ts";
import { compilePattern, compilePolicy, type Effect } from "../policy/mod.ts";
import type { Probe } from "./probe.ts";
import type { RememberedCatalogs } from "./remembered_catalogs.ts";
import { patternOf } from "./rule_entries.ts";

/** The keys of the lists in the rules, with the word for what they match. */
const RULE_LISTS = [
  { key: "tools", word: "tool" },
  { key: "resources", word: "resource" },
  { key: "prompts", word: "prompt" },
] as const;

/** The names of tools and prompts and the URIs of resources of a server, by key of the rules. */
type KnownNames = Partial<Record<typeof RULE_LISTS[number]["key"], readonly string[]>>;

/** The names of each server; those that are not known are absent. */
export type KnownItems = ReadonlyMap<string, KnownNames>;

/**
 * Returns the names of the tools, resources and prompts of every configured server, as far as the servers were
 * started and listed them. A server with URI templates may have any resource.
 *
 * @param servers Names of all configured servers.
 */
export function listKnownItems(probes: readonly Probe[], servers: Iterable<string>): KnownItems {
  const knownItems = new Map<string, KnownNames>();
  for (const server of servers) knownItems.set(server, {});
  for (const { config, tools, offered } of probes) {
    const lists: Record<string, readonly Item[] | undefined> = {
      tools,
      resources: offered?.templates?.length === 0 ? offered.resources : undefined,
      prompts: offered?.prompts,
    };
    const names = Object.entries(lists).flatMap(([key, items]) => {
      return items === undefined ? [] : [[key, items.map(({ name }) => name)] as const];
    });
    knownItems.set(config.name, Object.fromEntries(names));
  }
  return knownItems;
}

/**
 * Adds the names that are remembered of servers that were not started, or did not list them.
 *
 * @param knownItems The names that servers have listed.
 */
export async function addRememberedItems(
  catalogs: RememberedCatalogs,
  knownItems: KnownItems,
): Promise<KnownItems> {
  const allItems = new Map<string, KnownNames>();
  for (const [server, names] of knownItems) {
    const { tools, resources, templates, prompts } = await catalogs.listsOf(server);
    const lists = { tools, resources: templates?.size === 0 ? resources : undefined, prompts };
    const rememberedNames = Object.entries(lists).flatMap(([key, items]) => {
      return items === undefined ? [] : [[key, [...items.keys()]] as const];
    });
    allItems.set(server, { ...Object.fromEntries(rememberedNames), ...names });
  }
  return allItems;
}

/**
 * Finds entries of the rules that match no tool, resource or prompt that is remembered of their servers; starts none.
 *
 * @param options See `findUnmatchedEntries`.
 */
export async function findUnmatchedRemembered(
  { rules, servers }: Configuration,
  { catalogs, ...options }: Omit<UnmatchedOptions, "knownItems"> & {
    readonly catalogs: RememberedCatalogs;
  },
): Promise<ConfigProblem[]> {
  const knownItems = await addRememberedItems(catalogs, listKnownItems([], servers.keys()));
  return findUnmatchedEntries(rules, { ...options, knownItems });
}

/** Selects the warnings of a configuration that are about the rules of one agent, or of all agents. */
export function selectRulesWarnings(
  { warnings }: Configuration,
  agent: string | undefined,
): ConfigProblem[] {
  const isAboutAll = agent === undefined;
  const agentPath = formatPath(isAboutAll ? ["agents"] : ["agents", agent]);
  return warnings.filter(({ path }) => {
    if (path === "defaults.mode") return isAboutAll;
    return path.startsWith(agentPath) && /^[.[]/.test(path.slice(agentPath.length));
  });
}

/** Options of `findUnmatchedEntries`. */
export interface UnmatchedOptions {
  /** The names of every configured server. */
  readonly knownItems: KnownItems;
  /** The name of the rules file. */
  readonly file: string;
  /** The only agent whose entries are checked; default: all agents. */
  readonly agent?: string | undefined;
  /** Creates a warning; by default one without a line number, which parsed rules do not contain. */
  readonly createProblem?:
    | ((path: readonly (string | number)[], message: string) => ConfigProblem)
    | undefined;
}

/**
 * Finds entries of the rules that match no tool, resource or prompt of their servers. Entries for a server whose
 * list is not known are left out.
 */
export function findUnmatchedEntries(
  { agents }: Rules,
  { knownItems, file, agent, createProblem }: UnmatchedOptions,
): ConfigProblem[] {
  const create = createProblem ?? ((path, message) => {
    return problemWithoutPosition(message, { file, path: formatPath(path) });
  });
  return [...agents].filter(([id]) => agent === undefined || id === agent)
    .flatMap(([id, rules]) => {
      const unmatchedEntries = EFFECTS.flatMap((effect) => {
        const grants = rules[effect];
        return grants === undefined ? [] : findUnmatchedIn(grants, effect, knownItems);
      });
      return unmatchedEntries.map(({ path, message }) => create(["agents", id, ...path], message));
    });
}

/** Matches the patterns that stand for every name. */
const ANYTHING = /^[*]+$/;

interface Unmatched {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function findUnmatchedIn(
  grants: EntryLists,
  effect: Effect,
  knownItems: KnownItems,
): Unmatched[] {
  return RULE_LISTS.flatMap(({ key, word }) =>
    [...grants[key] ?? []].flatMap(([server, entries]) => {
      const serverPattern = compilePattern(server);
      const lists = [...knownItems].filter(([name]) => serverPattern.matches(name))
        .map(([, names]) => names[key]);
      // Another check warns about a server that is not configured.
      if (lists.length === 0 || lists.some((names) => names === undefined)) return [];
      const names = lists.flatMap((names) => names ?? []);
      const owner = serverPattern.isExplicit
        ? `server ${JSON.stringify(server)}`
        : `the servers that match ${JSON.stringify(server)}`;
      return entries.flatMap((entry, index): Unmatched[] => {
        const pattern = patternOf(entry);
        const { isExplicit } = compilePattern(pattern);
        // An entry such as `"*": ["delete_*"]` is also meant for servers that are added later.
        const isGeneral = ANYTHING.test(server) && !isExplicit;
        if (ANYTHING.test(pattern) || isGeneral || matchesSome(key, pattern, names)) return [];
        const message = `no ${word} of ${owner} matches ${JSON.stringify(pattern)}` +
          suggestCorrection(pattern, names);
        return [{ path: [effect, key, server, index], message }];
      });
    })
  );
}

/** Whether an entry matches one of the names; the entry of a `deny` for URIs matches any spelling of them. */
function matchesSome(key: keyof KnownNames, pattern: string, names: readonly string[]): boolean {
  if (key !== "resources") return names.some(compilePattern(pattern).matches);
  const deny = { resources: new Map([["*", [pattern]]]) };
  const agents = new Map([["agent", { allow: { servers: ["*"] }, deny }]]);
  const { allows } = compilePolicy({ agents, denyOverrides: false });
  return names.some((uri) => !allows("agent", { kind: "resource", server: "server", uri }));
}
