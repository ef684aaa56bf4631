/** Stands for a value that is missing. */
export const MISSING: unique symbol = Symbol("missing");

/** Maximum number of values that a condition judges. */
export const MAX_VALUES = 10_000;

/** Matches the index of an element of a list. */
const INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * Finds the values at a pointer. If a key that is not an index meets a list, it is looked up in each element.
 *
 * @param keys The keys from the outermost object inwards.
 * @returns One value, or `MISSING`, for each element on the way; `undefined` if there are too many.
 */
export function findPointed(
  root: unknown,
  keys: readonly string[],
): readonly unknown[] | undefined {
  const [first] = keys;
  // Most pointers are a key of the arguments.
  if (keys.length === 1 && first !== undefined && !Array.isArray(root)) {
    return [memberOf(root, first)];
  }
  let values: readonly unknown[] = [root];
  for (const key of keys) {
    const nextValues: unknown[] = [];
    // Elements of lists are appended while the array is read.
    const remaining = [...values];
    for (let index = 0; index < remaining.length; index++) {
      const value = remaining[index];
      if (!Array.isArray(value)) nextValues.push(memberOf(value, key));
      else if (INDEX.test(key)) {
        nextValues.push(Number(key) < value.length ? value[Number(key)] : MISSING);
      } else if (remaining.length + value.length > MAX_VALUES) return undefined;
      else for (const element of value) remaining.push(element);
    }
    values = nextValues;
  }
  return values;
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return MISSING;
  return (value as Record<string, unknown>)[key];
}
