import type { Characters } from "./characters.ts";

/** Represents `?` among the code points of a pattern; no code point is negative. */
export const ANY = -1;

/** Whether characters of a pattern match the name at the index `start`. */
export function matchesAt(name: Characters, characters: readonly number[], start = 0): boolean {
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index];
    if (character !== ANY && character !== name.charCodeAt(start + index)) return false;
  }
  return true;
}

/** The characters between two stars of a pattern, prepared for the search in a name. */
export interface Segment {
  readonly characters: readonly number[];
  /** The longest run without `?`; the search looks for it. */
  readonly anchor: readonly number[];
  /** Index of the anchor in the segment. */
  readonly anchorAt: number;
  /**
   * For each prefix of the anchor, the length of the longest shorter prefix with which it ends. If the next
   * character differs, the search continues as if only that shorter prefix had matched (Knuth-Morris-Pratt).
   */
  readonly fallback: readonly number[];
}

/** Prepares characters for the search. */
export function compileSegment(characters: readonly number[]): Segment {
  let anchorAt = 0;
  let anchorEnd = 0;
  let runAt = 0;
  for (let index = 0; index < characters.length; index++) {
    if (characters[index] === ANY) {
      runAt = index + 1;
    } else if (index + 1 - runAt > anchorEnd - anchorAt) {
      anchorAt = runAt;
      anchorEnd = index + 1;
    }
  }
  const anchor = characters.slice(anchorAt, anchorEnd);
  return { characters, anchor, anchorAt, fallback: compileFallback(anchor) };
}

function compileFallback(anchor: readonly number[]): number[] {
  const fallback = [0];
  let matchedCount = 0;
  for (let index = 1; index < anchor.length; index++) {
    while (matchedCount > 0 && anchor[matchedCount] !== anchor[index]) {
      matchedCount = fallback[matchedCount - 1] as number;
    }
    if (anchor[matchedCount] === anchor[index]) matchedCount++;
    fallback.push(matchedCount);
  }
  return fallback;
}

/**
 * Returns the first index from `from` on at which the segment matches and ends before `end`, or -1. The
 * search reads each character of the name once. A segment with `?` is compared as a whole wherever its anchor
 * matches.
 */
export function findSegment(
  segment: Segment,
  { name, from, end }: { readonly name: Characters; readonly from: number; readonly end: number },
): number {
  const { characters, anchor, anchorAt, fallback } = segment;
  if (anchor.length === 0) return from + characters.length <= end ? from : -1;
  const anchorsEnd = end - (characters.length - anchorAt - anchor.length);
  let matchedCount = 0;
  for (let index = from + anchorAt; index < anchorsEnd; index++) {
    const character = name.charCodeAt(index);
    while (matchedCount > 0 && anchor[matchedCount] !== character) {
      matchedCount = fallback[matchedCount - 1] as number;
    }
    if (anchor[matchedCount] === character) matchedCount++;
    if (matchedCount < anchor.length) continue;
    const start = index + 1 - anchor.length - anchorAt;
    if (anchor.length === characters.length || matchesAt(name, characters, start)) return start;
    matchedCount = fallback[matchedCount - 1] as number;
  }
  return -1;
}
