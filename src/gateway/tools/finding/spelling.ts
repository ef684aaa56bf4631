import { editDistance } from "../../../similar_names.ts";

/** Minimum length of a word that is corrected; shorter words are near to too many others. */
const MIN_LENGTH = 4;

/** Minimum length of a word that may have two typos. */
const LONG_LENGTH = 8;

/** Maximum number of words that a word is corrected to. */
const MAX_CORRECTIONS = 3;

/** The words that a typo may stand for. */
export interface Vocabulary {
  /** Stems by word. */
  readonly words: ReadonlyMap<string, string>;
  /** Whether a stem may be used. */
  readonly has: (stem: string) => boolean;
}

/**
 * Returns the stems of the words that differ least from a mistyped word, those with the same first letter first;
 * none if all words are too different.
 */
export function correctWord(word: string, vocabularies: readonly Vocabulary[]): string[] {
  if (word.length < MIN_LENGTH || /\d/.test(word)) return [];
  let best = word.length < LONG_LENGTH ? 1 : 2;
  let stems = new Set<string>();
  const letters = lettersOf(word);
  let isSameFirst = false;
  for (const { words, has } of vocabularies) {
    for (const [candidate, stem] of words) {
      const lengthDifference = candidate.length - word.length;
      if (lengthDifference > best || lengthDifference < -best || candidate.length < MIN_LENGTH) {
        continue;
      }
      const startsSame = candidate.charCodeAt(0) === word.charCodeAt(0);
      if (!startsSame && (isSameFirst || word.length === MIN_LENGTH)) continue;
      // An edit adds, removes or replaces a letter.
      if (countBits(letters ^ lettersOf(candidate)) > 2 * best) continue;
      const distance = editDistance(word, candidate, best);
      if (distance > best || !has(stem)) continue;
      if (distance < best || (startsSame && !isSameFirst)) stems = new Set();
      best = distance;
      isSameFirst = startsSame;
      stems.add(stem);
    }
  }
  return [...stems].slice(0, MAX_CORRECTIONS);
}

/** Returns the set of a word's letters, a bit for each. */
function lettersOf(word: string): number {
  let letters = 0;
  for (let at = 0; at < word.length; at++) letters |= 1 << (word.charCodeAt(at) & 31);
  return letters;
}

function countBits(set: number): number {
  let bits = set - ((set >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
