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
    const distance = editDistance(wanted, name.toLowerCase(), furthest);
    if (distance <= furthest) near.push({ name, distance });
  }
  near.sort((one, two) => one.distance - two.distance);
  return near.slice(0, most).map(({ name }) => name);
}

/** Longest texts that are compared letter by letter. */
const MAX_LENGTH = 64;

/** Three rows of the table of distances, kept because a list of names is compared at once. */
const ROW = MAX_LENGTH + 1;
const rows = new Uint8Array(3 * ROW);

/**
 * Letters to insert, remove, replace or swap with their neighbour.
 *
 * @param a A text.
 * @param b Another one.
 * @param furthest Beyond it the number does not matter.
 * @returns `Infinity` for long texts, and for such as are surely further from one another.
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
    // A swap looks back two rows, and may be one better than the last row alone.
    if (least > furthest + 1) return Infinity;
  }
  return at((a.length % 3) * ROW + b.length);
}

function at(index: number): number {
  return rows[index] ?? 0;
}
