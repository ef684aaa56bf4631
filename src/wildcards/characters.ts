/**
 * A text by Unicode code points, so that `?` and lengths count what people call characters. A string
 * serves as it is unless it holds surrogates; taking every name apart would cost more than matching.
 */
export interface Characters {
  /** How many characters. */
  readonly length: number;
  /** The code point of one of them; named so that a string fits. */
  charCodeAt(at: number): number;
}

/** Gives a text by its code points. */
export function toCharacters(text: string): Characters {
  if (!/[\ud800-\udfff]/.test(text)) return text;
  const codePoints = toCodePoints(text);
  return { length: codePoints.length, charCodeAt: (at) => codePoints[at] ?? NaN };
}

/** Takes a text apart into code points; half a surrogate pair is one of its own. */
export function toCodePoints(text: string): number[] {
  const codePoints: number[] = [];
  for (const character of text) codePoints.push(character.codePointAt(0) as number);
  return codePoints;
}

/**
 * Compares texts of the same length by code points. The `<` of strings compares UTF-16 units, which
 * puts characters beyond U+FFFF before those from U+E000 on.
 */
export function compareCharacters(left: Characters, right: Characters): number {
  for (let at = 0; at < left.length; at++) {
    const difference = left.charCodeAt(at) - right.charCodeAt(at);
    if (difference !== 0) return difference;
  }
  return 0;
}
