/**
 * A text as Unicode code points, so that `?` matches one code point. A string without surrogates already has
 * this interface. Splitting every name into code points would take longer than matching it.
 */
export interface Characters {
  /** Number of characters. */
  readonly length: number;
  /** Returns the code point at an index; named like the method of strings. */
  charCodeAt(index: number): number;
}

/** Returns the code points of a text. */
export function toCharacters(text: string): Characters {
  if (!/[\ud800-\udfff]/.test(text)) return text;
  const codePoints = toCodePoints(text);
  return { length: codePoints.length, charCodeAt: (index) => codePoints[index] ?? NaN };
}

/** Splits a text into code points; a lone surrogate counts as a code point. */
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
  for (let index = 0; index < left.length; index++) {
    const difference = left.charCodeAt(index) - right.charCodeAt(index);
    if (difference !== 0) return difference;
  }
  return 0;
}
