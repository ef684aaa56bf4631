/**
 * Finds the names that a mistyped one may have meant. A leaf: imports nothing of the project.
 *
 * @module
 */

/**
 * The nearest of some names, the nearest first.
 *
 * @param given The mistyped name.
 * @param names What it may have meant.
 * @param most How many to give at the most.
 */
export function nearNames(given: string, names: Iterable<string>, most: number): string[] {
  const wanted = given.toLowerCase();
  // A name may differ in a third of its letters, so that short ones do not match everything.
  const furthest = Math.max(1, Math.floor(given.length / 3));
  const near: { name: string; distance: number }[] = [];
  for (const name of names) {
    // Lengths alone tell most names apart, and no text is taken apart that is no name.
    if (Math.abs(name.length - given.length) > furthest) continue;
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance <= furthest) near.push({ name, distance });
  }
  near.sort((one, two) => one.distance - two.distance);
  return near.slice(0, most).map(({ name }) => name);
}

/** Letters to insert, remove, replace or swap with their neighbour; `Infinity` for long texts. */
export function editDistance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return a === b ? 0 : Infinity;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(last, column) + 1,
        at(next, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
      );
      if (a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      }
      next.push(cost);
    }
    [beforeLast, last] = [last, next];
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
