/**
 * Finds the names nearest to a mistyped name. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Maximum length of texts that are compared character by character. */
const MAX_LENGTH = 64;

/**
 * Maximum number of pairs of characters that are compared for one mistyped name: those of 1,000 names with 20
 * characters each. They take less than 10 ms.
 */
const MAX_COMPARED_PAIRS = 500_000;

/** Fixed cost of comparing a name, in pairs of characters. */
const BASE_COST_PER_NAME = 100;

/**
 * Returns the names that differ little from a mistyped name, the nearest first. Of very many names, only the
 * first are considered.
 *
 * @param mistypedName The mistyped name.
 * @param names The known names.
 * @param options `max` is the maximum number of names to return; default: all.
 */
export function similarNames(
  mistypedName: string,
  names: Iterable<string>,
  { max }: { readonly max?: number } = {},
): string[] {
  const lowerCaseName = mistypedName.toLowerCase();
  // A name may differ in a third of its characters, so that short names do not match everything.
  const maxDistance = Math.max(1, Math.floor(mistypedName.length / 3));
  const similar: { name: string; distance: number }[] = [];
  let comparedPairs = 0;
  for (const name of names) {
    // Most names are ruled out by their length.
    if (Math.abs(name.length - mistypedName.length) > maxDistance) continue;
    comparedPairs += mistypedName.length * name.length + BASE_COST_PER_NAME;
    if (comparedPairs > MAX_COMPARED_PAIRS) break;
    const distance = editDistance(lowerCaseName, name.toLowerCase(), maxDistance);
    if (distance <= maxDistance) similar.push({ name, distance });
  }
  similar.sort((left, right) => left.distance - right.distance);
  return similar.slice(0, max).map(({ name }) => name);
}

/** Returns a suggestion of the nearest name, to append to a message; `""` if no name is near. */
export function didYouMean(mistypedName: string, names: Iterable<string>): string {
  const [best] = similarNames(mistypedName, names, { max: 1 });
  return best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`;
}

/** Length of a row of the distance matrix. */
const ROW_LENGTH = MAX_LENGTH + 1;

/** Three rows of the distance matrix, reused for all comparisons. */
const rows = new Uint8Array(3 * ROW_LENGTH);

/**
 * Returns the number of edits from one text to the other: characters to insert, delete, replace or swap
 * with their neighbor (Damerau-Levenshtein).
 *
 * @param maxDistance Greater distances need not be exact.
 * @returns `Infinity` for long texts, and for texts that are certainly further apart.
 */
export function editDistance(a: string, b: string, maxDistance = Infinity): number {
  if (a.length > MAX_LENGTH || b.length > MAX_LENGTH) return a === b ? 0 : Infinity;
  for (let column = 0; column <= b.length; column++) rows[column] = column;
  for (let row = 1; row <= a.length; row++) {
    const rowStart = (row % 3) * ROW_LENGTH;
    const previousRowStart = ((row + 2) % 3) * ROW_LENGTH;
    const beforePreviousRowStart = ((row + 1) % 3) * ROW_LENGTH;
    const letterA = a.charCodeAt(row - 1);
    rows[rowStart] = row;
    let lowest = row;
    for (let column = 1; column <= b.length; column++) {
      const letterB = b.charCodeAt(column - 1);
      let cost = Math.min(
        distanceAt(previousRowStart + column) + 1,
        distanceAt(rowStart + column - 1) + 1,
        distanceAt(previousRowStart + column - 1) + (letterA === letterB ? 0 : 1),
      );
      if (
        row > 1 && column > 1 && letterA === b.charCodeAt(column - 2) &&
        a.charCodeAt(row - 2) === letterB
      ) cost = Math.min(cost, distanceAt(beforePreviousRowStart + column - 2) + 1);
      rows[rowStart + column] = cost;
      if (cost < lowest) lowest = cost;
    }
    // The next row may be lower than this row by 1, because a swap continues from two rows before.
    if (lowest > maxDistance + 1) return Infinity;
  }
  return distanceAt((a.length % 3) * ROW_LENGTH + b.length);
}

function distanceAt(index: number): number {
  return rows[index] ?? 0;
}
