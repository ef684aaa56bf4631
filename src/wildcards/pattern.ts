import { type Characters, toCharacters, toCodePoints } from "./characters.ts";
import { ANY, compileSegment, findSegment, matchesAt } from "./segment.ts";

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;

/** A compiled wildcard pattern. */
export interface Pattern {
  /** Whether the pattern has no wildcards and so matches one name only. */
  readonly isExplicit: boolean;
  /** Whether the whole name matches; case-sensitive, and does not use `this`. */
  readonly matches: (name: string) => boolean;
}

/**
 * Compiles a wildcard pattern: `*` matches any run of characters, `?` exactly one (a Unicode code
 * point), and every other character itself; there is no escape. Matching takes time linear in the
 * length of the name.
 */
export function compilePattern(text: string): Pattern {
  const prefixEnd = text.search(/[*?]/);
  if (prefixEnd < 0) return { isExplicit: true, matches: (name) => name === text };
  // Most names already differ before the first or after the last wildcard, so that few patterns need to be
  // compiled. For prefix and suffix, comparing UTF-16 code units is enough.
  const prefix = text.slice(0, prefixEnd);
  const suffix = text.slice(Math.max(text.lastIndexOf("*"), text.lastIndexOf("?")) + 1);
  const minLength = prefix.length + suffix.length;
  const hasOneStar = minLength === text.length - 1 && text[prefixEnd] === "*";
  // A half of a surrogate pair must not match one half of a character.
  if (hasOneStar && prefix.isWellFormed() && suffix.isWellFormed()) {
    const matches = (name: string) =>
      name.length >= minLength && name.startsWith(prefix) && name.endsWith(suffix);
    return { isExplicit: false, matches };
  }
  let matchesCharacters: Matcher | undefined;
  const matches = (name: string) => {
    if (!name.startsWith(prefix) || !name.endsWith(suffix)) return false;
    matchesCharacters ??= compileWildcards(text);
    return matchesCharacters(toCharacters(name));
  };
  return { isExplicit: false, matches };
}

/** Decides whether a whole name matches. */
export type Matcher = (name: Characters) => boolean;

/** Compiles a pattern with wildcards. Exported, so that tests can count the characters that the matcher reads. */
export function compileWildcards(text: string): Matcher {
  const [head, ...laterParts] = splitAtStars(text) as [number[], ...number[][]];
  const tail = laterParts.pop();
  if (tail === undefined) {
    return (name) => name.length === head.length && matchesAt(name, head, 0);
  }
  const segments = laterParts.filter((characters) => characters.length > 0).map(compileSegment);
  const minLength = segments.reduce(
    (sum, { characters }) => sum + characters.length,
    head.length + tail.length,
  );
  return (name) => {
    const end = name.length - tail.length;
    if (name.length < minLength) return false;
    if (!matchesAt(name, head, 0) || !matchesAt(name, tail, end)) return false;
    // Each segment is matched at its first occurrence, without backtracking: a later occurrence would
    // only leave less room for the segments after it. Backtracking could take exponential time.
    let from = head.length;
    for (const segment of segments) {
      const start = findSegment(segment, { name, from, end });
      if (start < 0) return false;
      from = start + segment.characters.length;
    }
    return true;
  };
}

function splitAtStars(text: string): number[][] {
  let current: number[] = [];
  const parts = [current];
  for (const character of toCodePoints(text)) {
    if (character === STAR) parts.push(current = []);
    else current.push(character === QUESTION_MARK ? ANY : character);
  }
  return parts;
}
