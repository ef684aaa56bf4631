import { type Characters, toCharacters, toCodePoints } from "./characters.ts";
import { ANY, compileSegment, findSegment, standsAt } from "./segment.ts";

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;

/** A wildcard pattern, ready to be asked. */
export interface Pattern {
  /** `true` where the pattern has neither `*` nor `?` and so names one thing. */
  readonly explicit: boolean;
  /** Whether the whole name matches, case-sensitively; may be passed on without its object. */
  readonly matches: (name: string) => boolean;
}

/**
 * Compiles a wildcard pattern: `*` is any run of characters, `?` exactly one (a Unicode code point),
 * everything else is itself; there is no escape. Asking takes time linear in the name.
 *
 * @param text The pattern as written in the rules, or given by a caller.
 */
export function compilePattern(text: string): Pattern {
  const prefixEnd = text.search(/[*?]/);
  if (prefixEnd < 0) return { explicit: true, matches: (name) => name === text };
  // Most names differ in what stands before the first or after the last wildcard, so that the rest
  // is compiled for few patterns. UTF-16 units suffice to tell that a name differs.
  const prefix = text.slice(0, prefixEnd);
  const suffix = text.slice(Math.max(text.lastIndexOf("*"), text.lastIndexOf("?")) + 1);
  let matchesCharacters: Matcher | undefined;
  const matches = (name: string) => {
    if (!name.startsWith(prefix) || !name.endsWith(suffix)) return false;
    matchesCharacters ??= compileWildcards(text);
    return matchesCharacters(toCharacters(name));
  };
  return { explicit: false, matches };
}

/** Says whether a whole name matches. */
export type Matcher = (name: Characters) => boolean;

/** Compiles a pattern to a question about characters; apart, so that tests can count what it reads. */
export function compileWildcards(text: string): Matcher {
  const [head, ...rest] = splitAtStars(text) as [number[], ...number[][]];
  const tail = rest.pop();
  if (tail === undefined) {
    return (name) => name.length === head.length && standsAt(head, name, 0);
  }
  const middle = rest.filter((characters) => characters.length > 0).map(compileSegment);
  const minLength = middle.reduce(
    (sum, { characters }) => sum + characters.length,
    head.length + tail.length,
  );
  return (name) => {
    const end = name.length - tail.length;
    if (name.length < minLength) return false;
    if (!standsAt(head, name, 0) || !standsAt(tail, name, end)) return false;
    // Each segment is taken at its first place, and no place is ever returned to: a later one would
    // only leave less room for what follows. Going back is what makes other matchers explode.
    let from = head.length;
    for (const segment of middle) {
      const start = findSegment(segment, name, { from, end });
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
