import { compiledConcepts, findTerms } from "./concepts.ts";
import { STOP_WORDS, WEAK_STEMS } from "./stop_words.ts";
import { correctWord, type Vocabulary } from "./spelling.ts";
import { splitWords, stemWord } from "./words.ts";

/** Maximum length of a query that is read, in UTF-16 code units. */
export const MAX_QUERY_LENGTH = 512;

/** Maximum number of groups of a query. */
const MAX_GROUPS = 32;

/** Weights of terms, relative to that of the query's own word. */
const TERM_WEIGHTS = { synonym: 0.65, correction: 0.85, partOfPhrase: 0.5 };

/** Weight of a word that says little about a tool. */
const WEAK_WEIGHT = 0.4;

/** The terms that a word or a phrase of a query searches; only the best of those that a tool has adds to its score. */
export interface TermGroup {
  /** Weight of the group. */
  readonly weight: number;
  /** Weights by term; the first term is that of the query itself, if any tool or the concepts have it. */
  readonly terms: ReadonlyMap<string, number>;
}

/** The words of the searched tools. */
export interface SearchedWords {
  /** The words to which typos are corrected. */
  readonly vocabularies: readonly Vocabulary[];
  /** Whether a searched tool has a term. */
  readonly has: (term: string) => boolean;
}

/** Reads a query: splits it into words and phrases, corrects typos, and adds synonyms. */
export function readQuery(query: string, searched: SearchedWords): TermGroup[] {
  const words = splitWords(replaceAddresses(query.slice(0, MAX_QUERY_LENGTH)));
  const { rephrasings, related } = compiledConcepts();
  const allTerms = findTerms(words).flatMap((original) => {
    const rephrased = rephrasings.get(original.term);
    if (rephrased === undefined) return original;
    const terms = findTerms(rephrased);
    return original.words.length === 1 && searched.has(original.term)
      ? [original, ...terms]
      : terms;
  });
  const isStopWord = ({ term, words: [word = ""] }: (typeof allTerms)[number]): boolean =>
    !term.includes(" ") && STOP_WORDS.has(word);
  const informativeTerms = allTerms.filter((term) => !isStopWord(term));
  const groups = new Map<string, TermGroup>();
  for (
    const { term, words: termWords } of informativeTerms.length > 0 ? informativeTerms : allTerms
  ) {
    if (groups.size >= MAX_GROUPS) break;
    if (groups.has(term)) continue;
    const isKnown = searched.has(term) || related.has(term);
    const [word = ""] = termWords;
    const wordTerms = () => isKnown ? withSynonyms(term) : correctedTerms(word, searched);
    const terms = termWords.length > 1 ? phraseTerms(term, termWords) : wordTerms();
    if (terms.size > 0) groups.set(term, { weight: WEAK_STEMS.has(term) ? WEAK_WEIGHT : 1, terms });
  }
  // Two words may be written as one: "web site", "sequential thinking".
  for (const [index, word] of words.entries()) {
    const term = stemWord(word + (words[index + 1] ?? ""));
    if (index + 1 === words.length || groups.has(term) || !searched.has(term)) continue;
    if (groups.size < MAX_GROUPS) groups.set(term, { weight: 1, terms: withSynonyms(term) });
  }
  return withoutRepeatedTerms([...groups.values()]);
}

/** Leaves words of the query out of the synonyms of its other words, so that no word counts twice. */
function withoutRepeatedTerms(groups: readonly TermGroup[]): TermGroup[] {
  const owners = new Map<string, TermGroup>();
  for (const group of groups) {
    for (const [term, weight] of group.terms) {
      if (weight === 1 && !owners.has(term)) owners.set(term, group);
    }
  }
  return groups.map((group) => {
    const terms = [...group.terms].filter(([term]) => (owners.get(term) ?? group) === group);
    return { ...group, terms: new Map(terms) };
  });
}

/** A file name with an extension, perhaps with a path; not a domain. */
const FILE_NAME =
  /(?<=^|\s)[\w~./-]*\w\.(?!com\b|org\b|net\b|io\b|js\b)[a-z][a-z0-9]{1,4}(?=$|[\s,;:])/gi;

/** A path on a disk. */
const PATH = /(?<=^|\s)[~.]?(?:\/[\w.-]+)+\/?(?=$|\s)/g;

/** Words for the kinds of files, by extension. */
const FILE_KINDS: readonly (readonly [extensions: RegExp, words: string])[] = [
  [/\.(?:png|jpe?g|gif|svg|webp|bmp|ico)$/i, " image file "],
  [/\.(?:mp3|wav|ogg|flac|m4a)$/i, " audio file "],
  [/\.(?:gz|zip|tgz)$/i, " compress file "],
];

/** Replaces addresses, paths and names of files by words for what they are, and removes numbers. */
function replaceAddresses(query: string): string {
  return query.replace(/\bhttps?:\/\/\S+/gi, " url ").replace(FILE_NAME, (name) => {
    return FILE_KINDS.find(([extensions]) => extensions.test(name))?.[1] ?? " file ";
  }).replace(PATH, " path ").replace(/#?\b\d+\b/g, " ");
}

function withSynonyms(term: string, weight = 1): Map<string, number> {
  const terms = new Map([[term, weight]]);
  for (const other of compiledConcepts().related.get(term) ?? []) {
    terms.set(other, weight * TERM_WEIGHTS.synonym);
  }
  return terms;
}

function phraseTerms(term: string, words: readonly string[]): Map<string, number> {
  const terms = withSynonyms(term);
  for (const word of words) {
    const stem = stemWord(word);
    if (!STOP_WORDS.has(word) && !terms.has(stem)) terms.set(stem, TERM_WEIGHTS.partOfPhrase);
  }
  return terms;
}

function correctedTerms(word: string, { vocabularies, has }: SearchedWords): Map<string, number> {
  const terms = new Map<string, number>();
  const corrections = correctWord(word, [
    ...vocabularies.map((vocabulary) => [vocabulary, has] as const),
    [compiledConcepts().vocabulary, () => true],
  ]);
  for (const stem of corrections) {
    for (const [term, weight] of withSynonyms(stem, TERM_WEIGHTS.correction)) {
      terms.set(term, Math.max(weight, terms.get(term) ?? 0));
    }
  }
  return terms;
}
