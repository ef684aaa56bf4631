/**
 * Finds the names nearest to a mistyped one. A leaf: imports nothing of the project.
 *
 * @module
 */

/**
 * Returns the names that differ little from a mistyped one, the nearest first.
 *
 * @param given The mistyped name.
 * @param names The known names.
 * @param options `max` is the maximum number of names to return; default: all.
 */
export function similarNames(
  given: string,
  names: Iterable<string>,
  { max }: { readonly max?: number } = {},
): string[] {
  const wanted = given.toLowerCase();
  // A name may differ in a third of its characters, so that short names do not match everything.
  const furthest = Math.max(1, Math.floor(given.length / 3));
  const near: { name: string; distance: number }[] = [];
  for (const name of names) {
    // The length rules out most names, and texts that are too long to be one.
    if (Math.abs(name.length - given.length) > furthest) continue;
    const distance = editDistance(wanted, name.toLowerCase(), furthest);
    if (distance <= furthest) near.push({ name, distance });
  }
  near.sort((one, two) => one.distance - two.distance);
  return near.slice(0, max).map(({ name }) => name);
}

/** The nearest of some names to a mistyped one, as words to append to a message; else `""`. */
export function didYouMean(given: string, names: Iterable<string>): string {
  const [best] = similarNames(given, names, { max: 1 });
  return best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`;
}

/** Maximum length of texts that are compared character by character. */
const MAX_LENGTH = 64;

/** Three rows of the distance matrix, reused because a list of names is compared at once. */
const ROW = MAX_LENGTH + 1;
const rows = new Uint8Array(3 * ROW);

/**
 * Returns the number of characters to insert, delete, replace or swap with their neighbor
 * (Damerau-Levenshtein).
 *
 * @param furthest Greater distances need not be exact.
 * @returns `Infinity` for long texts, and for texts that are certainly further apart.
 */
export function editDistance(a: string, b: string, furthest = Infinity): number {
  if (a.length > MAX_LENGTH || b.length > MAX_LENGTH) return a === b ? 0 : Infinity;
  for (let column = 0; column <= b.length; column++) rows[column] = column;
  for (let row = 1; row <= a.length; row++) {
    const next = (row % 3) * ROW;
    const last = ((row + 2) % 3) * ROW;
    const beforeLast = ((row + 1) % 3) * ROW;
    const letter = a.charCodeAt(row - 1);
    rows[next] = row;
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      const other = b.charCodeAt(column - 1);
      let cost = Math.min(
        at(last + column) + 1,
        at(next + column - 1) + 1,
        at(last + column - 1) + (letter === other ? 0 : 1),
      );
      if (
        row > 1 && column > 1 && letter === b.charCodeAt(column - 2) &&
        a.charCodeAt(row - 2) === other
      ) cost = Math.min(cost, at(beforeLast + column - 2) + 1);
      rows[next + column] = cost;
      if (cost < least) least = cost;
    }
    // A swap continues from two rows back, so it may be one better than the last row.
    if (least > furthest + 1) return Infinity;
  }
  return at((a.length % 3) * ROW + b.length);
}

function at(index: number): number {
  return rows[index] ?? 0;
}
