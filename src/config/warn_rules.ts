import type { ConfigProblem } from "../errors.ts";
import type { Document, Path } from "./document.ts";
import { entriesOf, isObject, type JsonObject, objectAt } from "./json_value.ts";
import { EFFECTS } from "./rules.ts";
import { warnShadowMode } from "./warn_shadow_mode.ts";
import { suggestCorrection } from "./name_hint.ts";
import { findNameFault, quoteName } from "./name_faults.ts";
import { namesOwnServer, OWN_SERVER, OWN_TOOL_NAMES, READ_RESULT } from "../own_server.ts";
import { compilePattern } from "../wildcards/mod.ts";

/** The servers in the servers file, which may have errors. */
export interface KnownServers {
  readonly names: ReadonlySet<string>;
  /** The disabled and skipped servers by name, each with the reason. */
  readonly unavailableReasons: ReadonlyMap<string, string>;
}

/** The keys of the lists by server, with the words for their entries. */
const LIST_KINDS = [
  { key: "tools", subject: "the name of this tool", comparison: "names match exactly" },
  { key: "resources", subject: "this URI", comparison: "URIs match exactly" },
  { key: "prompts", subject: "the name of this prompt", comparison: "names match exactly" },
] as const;

/**
 * Maximum number of times that a name in the rules is compared with the name of a server; this many comparisons take
 * a few seconds. Beyond it, names cause no warning, or a warning without a suggestion.
 */
const MAX_COMPARISONS = 1_000_000;

/** Warns of servers that are not configured, of names with faults, and of rules without effect. */
export function warnRules(document: Document, servers: KnownServers): ConfigProblem[] {
  const knownNames = [...servers.names, ...servers.unavailableReasons.keys()];
  let comparisonsLeft = MAX_COMPARISONS;
  const mayCompare = (): boolean => (comparisonsLeft -= knownNames.length) >= 0;
  const isKnown = memoize((pattern) => {
    const { matches } = compilePattern(pattern);
    return !mayCompare() || knownNames.some(matches);
  });
  // A pattern such as `*` is not meant for the own server, so it is not compared with its name.
  const candidates = (name: string) =>
    isWildcard(name) ? servers.names : [...servers.names, OWN_SERVER];
  const suggest = memoize((name) => mayCompare() ? suggestCorrection(name, candidates(name)) : "");
  const warnings = entriesOf(objectAt(document.value, "agents")).flatMap(([id, agent]) => {
    if (!isObject(agent)) return [];
    return [
      ...warnUnknownServers(document, { id, agent, servers, isKnown, suggest }),
      ...warnEntries(document, id, agent),
      ...warnUselessGrants(document, id, agent),
    ];
  });
  return [...warnings, ...warnShadowMode(document)];
}

/** Caches the results of a function: thousands of agents may name the same servers. */
function memoize<T>(compute: (text: string) => T): (text: string) => T {
  const results = new Map<string, T>();
  return (text) => {
    const cached = results.get(text);
    if (cached !== undefined) return cached;
    const result = compute(text);
    results.set(text, result);
    return result;
  };
}

function warnUnknownServers(
  document: Document,
  { id, agent, servers, isKnown, suggest }: {
    readonly id: string;
    readonly agent: JsonObject;
    readonly servers: KnownServers;
    readonly isKnown: (pattern: string) => boolean;
    /** Returns a text to append to a message about an unknown name. */
    readonly suggest: (name: string) => string;
  },
): ConfigProblem[] {
  const warnedNames = new Set<string>();
  const warnings: ConfigProblem[] = [];
  for (const { name, path, at } of listServerMentions(id, agent)) {
    if (servers.names.has(name) || namesOwnServer(name) || warnedNames.has(name)) continue;
    const message = isWildcard(name)
      ? describeUnmatchedPattern(name, servers, isKnown)
      : describeUnknownServer(name, servers);
    if (message === undefined) continue;
    const hint = servers.unavailableReasons.has(name) ? "" : suggest(name);
    // One warning per agent and server, however often the agent names it.
    warnedNames.add(name);
    warnings.push(
      document.createProblem(path, `agent ${JSON.stringify(id)} names ${message}${hint}`, at),
    );
  }
  return warnings;
}

function describeUnknownServer(
  name: string,
  { unavailableReasons }: KnownServers,
): string {
  const reason = unavailableReasons.get(name);
  const state = reason === undefined ? "is not configured" : `is not in use (${reason})`;
  return `server ${quoteName(name)}, which ${state}; the rule is kept`;
}

function describeUnmatchedPattern(
  pattern: string,
  { names, unavailableReasons }: KnownServers,
  isKnown: (pattern: string) => boolean,
): string | undefined {
  // `*` means all servers, even if there are none. Without servers, no pattern can match.
  if (/^[*]+$/.test(pattern) || names.size + unavailableReasons.size === 0 || isKnown(pattern)) {
    return undefined;
  }
  return `servers ${quoteName(pattern)}, which no configured server matches; the rule is kept`;
}

/** Warns of names and URIs with faults that are hard to see, and of URIs without a scheme. */
function warnEntries(document: Document, id: string, agent: JsonObject): ConfigProblem[] {
  const warnings: ConfigProblem[] = [];
  for (const effect of EFFECTS) {
    for (const listKind of LIST_KINDS) {
      for (const [server, list] of entriesOf(objectAt(agent, effect, listKind.key))) {
        for (const [index, entry] of (Array.isArray(list) ? list : []).entries()) {
          const pattern = isObject(entry) ? entry["tool"] : entry;
          if (typeof pattern !== "string") continue;
          const isOwnTool = server === OWN_SERVER && listKind.key === "tools";
          const message = describeFault(pattern, listKind) ??
            (isOwnTool ? describeUnknownOwnTool(pattern) : undefined);
          if (message === undefined) continue;
          const path = [
            "agents",
            id,
            effect,
            listKind.key,
            server,
            index,
            ...isObject(entry) ? ["tool"] : [],
          ];
          warnings.push(document.createProblem(path, message));
        }
      }
    }
  }
  return warnings;
}

function describeFault(
  entry: string,
  { key, subject, comparison }: typeof LIST_KINDS[number],
): string | undefined {
  const fault = findNameFault(entry);
  if (fault !== undefined) {
    return `${subject} ${fault.description}, and ${comparison}` +
      (fault.correctedName === "" ? "" : `: write ${quoteName(fault.correctedName)}`);
  }
  if (key !== "resources" || mayBeUri(entry)) return undefined;
  return `${quoteName(entry)} matches no URI: a URI begins with a scheme, as in ` +
    '"file:///srv/notes/*"';
}

/** Describes a name or pattern that no tool of the own server has: all of its tools are known. */
function describeUnknownOwnTool(pattern: string): string | undefined {
  const { matches } = compilePattern(pattern);
  if (OWN_TOOL_NAMES.some(matches)) return undefined;
  const hint = suggestCorrection(pattern, OWN_TOOL_NAMES);
  return `server "${OWN_SERVER}" has no tool ${quoteName(pattern)}${hint}`;
}

/** Whether the text before the first wildcard begins with a scheme, or may be the beginning of one. */
function mayBeUri(pattern: string): boolean {
  const [prefix = ""] = pattern.split(/[*?]/, 1);
  return prefix === pattern
    ? /^[a-z][a-z\d+.-]*:/i.test(prefix)
    : /^(?:[a-z][a-z\d+.-]*(?::|$)|$)/i.test(prefix);
}

interface ServerMention {
  readonly name: string;
  readonly path: Path;
  readonly at: "key" | "value";
}

function listServerMentions(id: string, agent: JsonObject): ServerMention[] {
  return EFFECTS.flatMap((effect) => {
    const list = objectAt(agent, effect)["servers"];
    const servers = (Array.isArray(list) ? list : []).flatMap((name, index): ServerMention[] =>
      typeof name !== "string"
        ? []
        : [{ name, path: ["agents", id, effect, "servers", index], at: "value" }]
    );
    const keys = LIST_KINDS.flatMap(({ key }) =>
      entriesOf(objectAt(agent, effect, key)).map(([name]): ServerMention => {
        return { name, path: ["agents", id, effect, key, name], at: "key" };
      })
    );
    return [...servers, ...keys];
  });
}

/**
 * Warns of entries of `allow` and `ask` without effect, because `allow.servers` does not name their server. Says nothing
 * if wildcards are involved.
 */
function warnUselessGrants(document: Document, id: string, agent: JsonObject): ConfigProblem[] {
  const { servers: list = [] } = objectAt(agent, "allow");
  if (!Array.isArray(list)) return [];
  const names = list.filter((name) => typeof name === "string");
  if (names.length < list.length) return [];
  const hasWildcards = names.some(isWildcard);
  const isGranted = (name: string): boolean =>
    name === OWN_SERVER ? names.some(namesOwnServer) : hasWildcards || names.includes(name);
  const warnUngranted = (effect: "allow" | "ask", key: string): ConfigProblem[] =>
    entriesOf(objectAt(agent, effect, key)).flatMap(([name, entries]) => {
      if (isWildcard(name) || isGranted(name)) return [];
      // A limit on results grants this tool without an entry of `allow.servers`.
      const isByLimit = name === OWN_SERVER && Array.isArray(entries) &&
        entries.every((entry) => (isObject(entry) ? entry["tool"] : entry) === READ_RESULT);
      if (isByLimit) return [];
      const items = `${key} of ${JSON.stringify(name)}`;
      const grant = effect === "allow"
        ? `is granted ${items}, but not the server`
        : `may ask for ${items}, but is not granted the server`;
      const message = `agent ${JSON.stringify(id)} ${grant}: name it in \`allow.servers\` too`;
      return [document.createProblem(["agents", id, effect, key, name], message, "key")];
    });
  return [
    ...LIST_KINDS.flatMap(({ key }) => warnUngranted("allow", key)),
    ...warnUngranted("ask", "tools"),
  ];
}

function isWildcard(pattern: string): boolean {
  return /[*?]/.test(pattern);
}
