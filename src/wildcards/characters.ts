/**
 * A text as Unicode code points, so that `?` matches one of them. A string without surrogates already has
 * this interface; splitting each name into code points would take longer than matching it.
 */
export interface Characters {
  /** Number of characters. */
  readonly length: number;
  /** Returns the code point at an index; the name is that of the method of strings. */
  charCodeAt(index: number): number;
}

/** Returns the code points of a text. */
export function toCharacters(text: string): Characters {
  if (!/[\ud800-\udfff]/.test(text)) return text;
  const codePoints = toCodePoints(text);
  return { length: codePoints.length, charCodeAt: (index) => codePoints[index] ?? NaN };
}

/** Splits a text into code points; a lone surrogate counts as one. */
export function toCodePoints(text: string): number[] {
  const codePoints: number[] = [];
  for (const character of text) codePoints.push(character.codePointAt(0) as number);
  return codePoints;
}

/**
 * Compares texts of the same length by code points. The operator `<` compares UTF-16 code units,
 * which sorts characters beyond U+FFFF before those from U+E000 on.
 */
export function compareCharacters(left: Characters, right: Characters): number {
  for (let at = 0; at < left.length; at++) {
    const difference = left.charCodeAt(at) - right.charCodeAt(at);
    if (difference !== 0) return difference;
  }
  return 0;
}
