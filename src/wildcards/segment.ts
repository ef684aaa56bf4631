import type { Characters } from "./characters.ts";

/** Represents `?` among the code points of a pattern; no code point is negative. */
export const ANY = -1;

/** Bits of a word: the number of characters that are matched in one step. */
const WORD_BITS = 32;

/** Whether characters of a pattern match the name at the index `start`. */
export function matchesAt(name: Characters, characters: readonly number[], start = 0): boolean {
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index];
    // `charCodeAt` of `Characters` returns a code point.
    if (character !== ANY && character !== name.charCodeAt(start + index)) return false;
  }
  return true;
}

/** The characters between two stars of a pattern, prepared for the search in a name. */
export interface Segment {
  readonly characters: readonly number[];
  /** For each character of the segment, the set of the indices where it may be, as bits. */
  readonly masks: ReadonlyMap<number, Int32Array>;
  /** The indices where any character may be, as bits. */
  readonly anyMask: Int32Array;
}

/** Prepares characters for the search. */
export function compileSegment(characters: readonly number[]): Segment {
  const anyMask = new Int32Array(Math.ceil(characters.length / WORD_BITS));
  for (const [index, character] of characters.entries()) {
    if (character === ANY) setBit(anyMask, index);
  }
  const masks = new Map<number, Int32Array>();
  for (const [index, character] of characters.entries()) {
    if (character === ANY) continue;
    const mask = masks.get(character) ?? anyMask.slice();
    setBit(mask, index);
    masks.set(character, mask);
  }
  return { characters, masks, anyMask };
}

/**
 * Returns the index of the first match of the segment that lies within the name from `from` up to, but not
 * including, `end`; -1 if there is none. The Shift-And algorithm reads each character of the name once, and
 * takes one step for each 32 characters of the segment.
 *
 * @see {@link https://en.wikipedia.org/wiki/Bitap_algorithm}
 */
export function findSegment(
  { characters: { length }, masks, anyMask }: Segment,
  { name, from, end }: { readonly name: Characters; readonly from: number; readonly end: number },
): number {
  // Bit n is set if the last n + 1 characters of the name match the first ones of the segment.
  const matchedBits = new Int32Array(anyMask.length);
  for (let at = from; at < end; at++) {
    const mask = masks.get(name.charCodeAt(at)) ?? anyMask;
    let carry = 1;
    for (let word = 0; word < matchedBits.length; word++) {
      const bits = matchedBits[word] as number;
      matchedBits[word] = ((bits << 1) | carry) & (mask[word] as number);
      carry = bits >>> (WORD_BITS - 1);
    }
    if (hasBit(matchedBits, length - 1)) return at + 1 - length;
  }
  return -1;
}

function setBit(words: Int32Array, index: number): void {
  const word = Math.floor(index / WORD_BITS);
  words[word] = (words[word] as number) | (1 << (index % WORD_BITS));
}

function hasBit(words: Int32Array, index: number): boolean {
  return ((words[Math.floor(index / WORD_BITS)] as number) & (1 << (index % WORD_BITS))) !== 0;
}
