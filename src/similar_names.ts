/**
 * Finds the names nearest to a mistyped one. A leaf: imports nothing of the project.
 *
 * @module
 */

/**
 * Returns the names that differ little from a mistyped one, the nearest first.
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
  for (const name of names) {
    // Most names are ruled out by their length.
    if (Math.abs(name.length - mistypedName.length) > maxDistance) continue;
    const distance = editDistance(lowerCaseName, name.toLowerCase(), maxDistance);
    if (distance <= maxDistance) similar.push({ name, distance });
  }
  similar.sort((left, right) => left.distance - right.distance);
  return similar.slice(0, max).map(({ name }) => name);
}

/** Returns a suggestion of the nearest name to append to a message; `""` if none is near. */
export function didYouMean(mistypedName: string, names: Iterable<string>): string {
  const [best] = similarNames(mistypedName, names, { max: 1 });
  return best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`;
}

/** Maximum length of texts that are compared character by character. */
const MAX_LENGTH = 64;

/** Length of a row of the distance matrix. */
const ROW = MAX_LENGTH + 1;

/** Three rows of the distance matrix, reused for all comparisons. */
const rows = new Uint8Array(3 * ROW);

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
    const next = (row % 3) * ROW;
    const last = ((row + 2) % 3) * ROW;
    const beforeLast = ((row + 1) % 3) * ROW;
    const letter = a.charCodeAt(row - 1);
    rows[next] = row;
    let lowest = row;
    for (let column = 1; column <= b.length; column++) {
      const other = b.charCodeAt(column - 1);
      let cost = Math.min(
        distanceAt(last + column) + 1,
        distanceAt(next + column - 1) + 1,
        distanceAt(last + column - 1) + (letter === other ? 0 : 1),
      );
      if (
        row > 1 && column > 1 && letter === b.charCodeAt(column - 2) &&
        a.charCodeAt(row - 2) === other
      ) cost = Math.min(cost, distanceAt(beforeLast + column - 2) + 1);
      rows[next + column] = cost;
      if (cost < lowest) lowest = cost;
    }
    // The next row may be better than this one by 1, because a swap continues from two rows before.
    if (lowest > maxDistance + 1) return Infinity;
  }
  return distanceAt((a.length % 3) * ROW + b.length);
}

function distanceAt(index: number): number {
  return rows[index] ?? 0;
}
