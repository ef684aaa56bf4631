import { compilePattern, type Pattern } from "../wildcards/mod.ts";
import type { FindEntry } from "./entries.ts";
import {
  normalize,
  type Spellings,
  spellingsOf,
  withoutFragment,
  withoutQuery,
} from "./uri_spellings.ts";

/** A URI whose spellings are computed when a list is searched for it. */
export interface UriName {
  /** Returns the spellings; `undefined` if the URI cannot be judged. */
  readonly spellings: () => Spellings | undefined;
}

/** The URI whose spellings were computed last: one request or update is judged for several servers or agents. */
let lastUri: { readonly uri: string; readonly spellings: Spellings | undefined } | undefined;

/** Prepares a URI for the search in lists. */
export function toUriName(uri: string): UriName {
  return {
    spellings: () => {
      if (lastUri?.uri !== uri) lastUri = { uri, spellings: spellingsOf(uri) };
      return lastUri.spellings;
    },
  };
}

type Matches = Pattern["matches"];

interface UriEntry {
  readonly index: number;
  /** Whether a spelling matches, for each list of `Spellings`. */
  readonly matchers: readonly [whole: Matches, withoutFragment: Matches, withoutQuery: Matches];
}

interface UriText {
  readonly index: number;
  readonly text: string;
}

/** Returns the index of the first entry that matches. */
type FindUri = (spellings: Spellings) => number | undefined;

/**
 * Compiles a list of URIs. An entry of a `deny` matches if it matches any spelling of the URI. An entry of an `allow`
 * matches if it matches all spellings, and the URI is written as the entry is, or normalized. So a URI that cannot be
 * judged matches every entry of a `deny`, and none of an `allow`.
 */
export function compileUriEntries(
  entries: readonly string[],
  effect: "allow" | "deny",
): FindEntry<UriName> {
  const texts = entries.map((text, index): UriText => ({ text, index }));
  const isExplicit = ({ text }: UriText): boolean => compilePattern(text).isExplicit;
  const explicit = texts.filter(isExplicit);
  const wildcards = texts.filter((text) => !isExplicit(text));
  const lists = {
    explicit: { first: explicit[0], find: compileExplicitUris(explicit, effect) },
    wildcard: { first: wildcards[0], find: compileWildcardUris(wildcards, effect) },
  };
  const find = (kind: "explicit" | "wildcard", name: UriName): number => {
    const list = lists[kind];
    if (list.first === undefined) return Infinity;
    const spellings = name.spellings();
    if (spellings === undefined) return effect === "deny" ? list.first.index : Infinity;
    return list.find(spellings) ?? Infinity;
  };
  return (kind, name) => {
    const index = kind === "any"
      ? Math.min(find("explicit", name), find("wildcard", name))
      : find(kind, name);
    return index === Infinity ? undefined : index;
  };
}

/** Compiles entries without wildcards: each stands for all its spellings, and is found by hash. */
function compileExplicitUris(texts: readonly UriText[], effect: "allow" | "deny"): FindUri {
  const entriesBySpelling = new Map<string, UriEntry[]>();
  for (const { text, index } of texts) {
    const [whole, shorter, shortest] = spellingsOf(text) ?? [[], [], []];
    const toMatches = (list: readonly string[]): Matches => (uri) => list.includes(uri);
    const matchers = [toMatches(whole), toMatches(shorter), toMatches(shortest)] as const;
    const searchedSpellings = effect === "deny"
      ? new Set(whole.map(withoutEndSlash))
      : new Set([text, normalize(text)]);
    for (const spelling of searchedSpellings) {
      const entries = entriesBySpelling.get(spelling) ?? [];
      entriesBySpelling.set(spelling, entries);
      entries.push({ index, matchers });
    }
  }
  const entriesFor = (uri: string): readonly UriEntry[] => entriesBySpelling.get(uri) ?? [];
  if (effect === "deny") {
    return (spellings) => {
      const indexes = spellings.flat().flatMap((uri) =>
        entriesFor(withoutEndSlash(uri))[0]?.index ?? []
      );
      return indexes.length === 0 ? undefined : Math.min(...indexes);
    };
  }
  return (spellings) => findMatchingAll(entriesFor(spellings[0][0] ?? ""), spellings)?.index;
}

/** Removes slashes at the end: many servers ignore them, and a URL parser makes `FILE/` of `FILE/.`. */
function withoutEndSlash(uri: string): string {
  return uri.replace(/(?<!\/)\/+$/, "");
}

/** Compiles entries with wildcards: each stands for all spellings of the folders before the first wildcard. */
function compileWildcardUris(texts: readonly UriText[], effect: "allow" | "deny"): FindUri {
  const entries = texts.map(({ text, index }) => {
    const { written, all } = spellingsOfPattern(text);
    const matchers = [
      matchesAny(all),
      matchesAny(all.map(withoutFragment)),
      matchesAny(all.map(withoutQuery)),
    ] as const;
    return { index, matchers, matchesWritten: matchesAny(written) };
  });
  if (effect === "allow") {
    return (spellings) => {
      const written = spellings[0][0] ?? "";
      const candidates = entries.filter(({ matchesWritten }) => matchesWritten(written));
      return findMatchingAll(candidates, spellings)?.index;
    };
  }
  return (spellings) => {
    return entries.find(({ matchers: [matches] }) => spellings.flat().some(matches))?.index;
  };
}

function matchesAny(patterns: readonly string[]): Matches {
  const compiled = patterns.map(compilePattern);
  return (uri) => compiled.some(({ matches }) => matches(uri));
}

function findMatchingAll(
  entries: readonly UriEntry[],
  spellings: Spellings,
): UriEntry | undefined {
  return entries.find(({ matchers }) => {
    const [matchesWhole] = matchers;
    return spellings.every((list, index) => {
      return list.every((uri) => matchesWhole(uri) || matchers[index]?.(uri) === true);
    });
  });
}

/** The spellings of a pattern: those that are written in rules, and all of them. */
interface PatternSpellings {
  readonly written: readonly string[];
  readonly all: readonly string[];
}

function spellingsOfPattern(pattern: string): PatternSpellings {
  const foldersLength = pattern.slice(0, pattern.search(/[*?]/)).lastIndexOf("/") + 1;
  const folders = pattern.slice(0, foldersLength);
  const rest = pattern.slice(foldersLength);
  const combine = (starts: readonly string[], ends: readonly string[]): string[] => {
    const endSpellings = ends.flatMap((end) => [end, encode(end)]);
    return [...new Set(starts.flatMap((start) => endSpellings.map((end) => start + end)))];
  };
  const [spellings = [folders]] = spellingsOf(folders) ?? [];
  return {
    written: combine([folders, normalize(folders)], [rest]),
    all: combine(spellings, [rest, rest.replace(/\/+/g, "/")]),
  };
}

/** Encodes characters that the URL parser encodes in paths. */
function encode(text: string): string {
  return text.replace(
    /[^!#-;=?-\]_a-z|~]+/g,
    (characters) => encodeURIComponent(characters.toWellFormed()),
  );
}
