import type { Characters } from "./characters.ts";

/** Represents `?` among the code points of a pattern; no code point is negative. */
export const ANY = -1;

/** Whether the name contains these characters at exactly this index; default: 0. */
export function matchesAt(name: Characters, wanted: readonly number[], start = 0): boolean {
  for (let at = 0; at < wanted.length; at++) {
    const character = wanted[at];
    if (character !== ANY && character !== name.charCodeAt(start + at)) return false;
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
   * For each prefix of the anchor, the number of its last characters that are also the first ones of the
   * anchor: so many still match when the next character differs (Knuth-Morris-Pratt).
   */
  readonly fallback: readonly number[];
}

/** Prepares characters for the search. */
export function compileSegment(characters: readonly number[]): Segment {
  let anchorAt = 0;
  let anchorEnd = 0;
  let runAt = 0;
  for (let at = 0; at < characters.length; at++) {
    if (characters[at] === ANY) {
      runAt = at + 1;
    } else if (at + 1 - runAt > anchorEnd - anchorAt) {
      anchorAt = runAt;
      anchorEnd = at + 1;
    }
  }
  const anchor = characters.slice(anchorAt, anchorEnd);
  return { characters, anchor, anchorAt, fallback: compileFallback(anchor) };
}

function compileFallback(anchor: readonly number[]): number[] {
  const fallback = [0];
  let matched = 0;
  for (let at = 1; at < anchor.length; at++) {
    while (matched > 0 && anchor[matched] !== anchor[at]) matched = fallback[matched - 1] as number;
    if (anchor[matched] === anchor[at]) matched++;
    fallback.push(matched);
  }
  return fallback;
}

/**
 * Returns the first index from `from` on at which the segment matches and ends before `end`, or -1. It
 * reads each character of the name once. For a segment with `?`, it compares the whole segment wherever
 * the anchor matches.
 */
export function findSegment(
  segment: Segment,
  { name, from, end }: { readonly name: Characters; readonly from: number; readonly end: number },
): number {
  const { characters, anchor, anchorAt, fallback } = segment;
  if (anchor.length === 0) return from + characters.length <= end ? from : -1;
  const anchorsEnd = end - (characters.length - anchorAt - anchor.length);
  let matched = 0;
  for (let at = from + anchorAt; at < anchorsEnd; at++) {
    const character = name.charCodeAt(at);
    while (matched > 0 && anchor[matched] !== character) matched = fallback[matched - 1] as number;
    if (anchor[matched] === character) matched++;
    if (matched < anchor.length) continue;
    const start = at + 1 - anchor.length - anchorAt;
    if (anchor.length === characters.length || matchesAt(name, characters, start)) return start;
    matched = fallback[matched - 1] as number;
  }
  return -1;
}
