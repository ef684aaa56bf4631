import { ACTIONS } from "./action_concepts.ts";
import { REPHRASINGS } from "./rephrasings.ts";
import { Vocabulary } from "./spelling.ts";
import { THINGS } from "./thing_concepts.ts";
import { splitWords, stemWord } from "./words.ts";

/**
 * The lexicon: words and phrases that mean the same in the names and descriptions of tools, from general knowledge of
 * the field. A line is a concept, whose words find each other. In a line with `>`, the words on the left find those on
 * the right, but not the other way round.
 */
export const CONCEPTS: readonly string[] = [ACTIONS, THINGS].flatMap((text) =>
  text.trim().split("\n")
);

/** The compiled lexicon. A term is a stem, or the stems of a phrase with blanks between them. */
export interface Concepts {
  /** The terms that a term also searches. */
  readonly related: ReadonlyMap<string, ReadonlySet<string>>;
  /** The words that a query is read as, by term. */
  readonly rephrasings: ReadonlyMap<string, readonly string[]>;
  /** The stems of each phrase, longest phrase first, by their first stem. */
  readonly phrases: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** The single words. */
  readonly vocabulary: Vocabulary;
}

let compiled: Concepts | undefined;

/** Returns the compiled lexicon, which is compiled once. */
export function compiledConcepts(): Concepts {
  return compiled ??= compileConcepts();
}

function compileConcepts(): Concepts {
  const related = new Map<string, Set<string>>();
  const phrases = new Map<string, string[][]>();
  const words = new Map<string, string>();
  const readTerm = (item: string): string => {
    const itemWords = splitWords(item);
    const stems = itemWords.map(stemWord);
    const [first = ""] = stems;
    if (stems.length === 1) words.set(itemWords[0] ?? "", first);
    else if (phrases.has(first)) phrases.get(first)?.push(stems);
    else phrases.set(first, [stems]);
    return stems.join(" ");
  };
  for (const line of CONCEPTS) {
    const [left = [], right = left] = line.split(">").map((side) => side.split(",").map(readTerm));
    for (const term of left) {
      const others = related.get(term) ?? new Set();
      for (const other of right) if (other !== term) others.add(other);
      related.set(term, others);
    }
  }
  const rephrasings = new Map<string, readonly string[]>();
  for (const line of REPHRASINGS) {
    const [left = "", right = ""] = line.split(" = ");
    for (const item of left.split(",")) rephrasings.set(readTerm(item), splitWords(right));
  }
  for (const list of phrases.values()) list.sort((one, two) => two.length - one.length);
  return { related, rephrasings, phrases, vocabulary: new Vocabulary(words) };
}

/** A term of a text, and the words that it consists of. */
export interface FoundTerm {
  readonly term: string;
  /** The words; a phrase has several. */
  readonly words: readonly string[];
}

/** Stems of words that a text may have between the words of a phrase. */
const DETERMINERS: ReadonlySet<string> = new Set(
  "a an the this that these those my our your his her its their some any".split(" ").map(stemWord),
);

/** Returns the terms of a list of words in their order; the words of a phrase of the lexicon are one term. */
export function findTerms(words: readonly string[]): FoundTerm[] {
  const { phrases } = compiledConcepts();
  const stems = words.map(stemWord);
  const terms: FoundTerm[] = [];
  for (let at = 0; at < stems.length;) {
    let term = stems[at] ?? "";
    let end = at + 1;
    for (const phrase of phrases.get(term) ?? []) {
      const phraseEnd = findPhraseEnd(phrase, stems, at);
      if (phraseEnd === undefined) continue;
      term = phrase.join(" ");
      end = phraseEnd;
      break;
    }
    terms.push({ term, words: words.slice(at, end) });
    at = end;
  }
  return terms;
}

/** Returns the position after a phrase that begins at `start`; `undefined` if it does not begin there. */
function findPhraseEnd(
  phrase: readonly string[],
  stems: readonly string[],
  start: number,
): number | undefined {
  let at = start;
  for (const stem of phrase) {
    while (at > start && stems[at] !== stem && DETERMINERS.has(stems[at] ?? "")) at++;
    if (stems[at] !== stem) return undefined;
    at++;
  }
  return at;
}
