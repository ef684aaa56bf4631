import { editDistance } from "../../../similar_names.ts";

/** Minimum length of a word that is corrected; shorter words are near to too many others. */
const MIN_LENGTH = 4;

/** Minimum length of a word that may have two typos. */
const LONG_LENGTH = 8;

/** Maximum number of words that a word is corrected to. */
const MAX_CORRECTIONS = 3;

/** Words to which typos are corrected. */
export class Vocabulary {
  readonly #words: readonly string[];
  readonly #stems: readonly string[];
  // The letters of each word, a bit for each.
  readonly #letters: Int32Array;

  /**
   * Creates the vocabulary; short words are left out.
   *
   * @param words The stems of words, by word.
   */
  constructor(words: ReadonlyMap<string, string>) {
    const entries = [...words].filter(([word]) => word.length >= MIN_LENGTH);
    this.#words = entries.map(([word]) => word);
    this.#stems = entries.map(([, stem]) => stem);
    this.#letters = Int32Array.from(this.#words, lettersOf);
  }

  /** Number of words. */
  get size(): number {
    return this.#words.length;
  }

  /** Calls a function for each word that may be within a distance of another word. */
  forEachNear(
    { word, letters }: { readonly word: string; readonly letters: number },
    { maxDistance, visit }: {
      readonly maxDistance: number;
      readonly visit: (candidate: string, stem: string) => void;
    },
  ): void {
    for (let at = 0; at < this.#letters.length; at++) {
      // A letter that replaces another one changes two bits.
      if (countBits(letters ^ (this.#letters[at] ?? 0)) > 2 * maxDistance) continue;
      const candidate = this.#words[at] ?? "";
      if (Math.abs(candidate.length - word.length) > maxDistance) continue;
      visit(candidate, this.#stems[at] ?? "");
    }
  }
}

/**
 * Returns the stems of the words that differ least from a mistyped word, of those with the same first letter if there
 * are any; none if all words are too different.
 *
 * @param vocabularies The words, each with a function that returns whether a stem may be used.
 */
export function correctWord(
  word: string,
  vocabularies: Iterable<readonly [Vocabulary, has: (stem: string) => boolean]>,
): string[] {
  if (word.length < MIN_LENGTH || /\d/.test(word)) return [];
  const maxDistance = word.length < LONG_LENGTH ? 1 : 2;
  const mistyped = { word, letters: lettersOf(word) };
  let bestDistance = maxDistance;
  let hasSameStart = false;
  let stems = new Set<string>();
  for (const [vocabulary, has] of vocabularies) {
    const visit = (candidate: string, stem: string): void => {
      const isSameStart = candidate.charCodeAt(0) === word.charCodeAt(0);
      if (!isSameStart && (hasSameStart || word.length === MIN_LENGTH)) return;
      const distance = editDistance(word, candidate, bestDistance);
      if (distance > bestDistance || !has(stem)) return;
      if (distance < bestDistance || (isSameStart && !hasSameStart)) stems = new Set();
      bestDistance = distance;
      hasSameStart = isSameStart;
      stems.add(stem);
    };
    vocabulary.forEachNear(mistyped, { maxDistance, visit });
  }
  return [...stems].slice(0, MAX_CORRECTIONS);
}

/** Returns the set of a word's letters, a bit for each. */
function lettersOf(word: string): number {
  let letters = 0;
  for (let at = 0; at < word.length; at++) letters |= 1 << (word.charCodeAt(at) & 31);
  return letters;
}

/** Counts the bits that are set: adds them up in pairs, fours, eights, and then all. */
function countBits(set: number): number {
  let bits = set - ((set >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
