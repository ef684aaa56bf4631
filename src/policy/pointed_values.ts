import { foldCase } from "../text.ts";
import { ExactNumber, takeWork, type Work } from "./call_arguments.ts";

/** Stands for a value that is missing. */
export const MISSING: unique symbol = Symbol("missing");

/** Stands for an ambiguous value: the object has a key that differs from the one in the pointer only in case. */
export const AMBIGUOUS: unique symbol = Symbol("ambiguous");

/** Units of work for each key of an object in which a key is looked up. */
const KEY_WORK = 8;

/** Maximum number of values that a condition judges. */
export const MAX_VALUES = 10_000;

/** Matches the index of an element of a list. */
const INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * Finds the values at a pointer. If a key that is not an index meets a list, it is looked up in each element.
 *
 * @param options `keys`: the keys from the outermost object inwards. `work`: the work that is left.
 * @returns One value, `MISSING` or `AMBIGUOUS` for each element on the way; `undefined` if there are too many, or too
 * little work is left.
 */
export function findPointed(
  root: unknown,
  { keys, work }: { readonly keys: readonly string[]; readonly work: Work },
): readonly unknown[] | undefined {
  const [first] = keys;
  // Most pointers are a key of the arguments.
  if (keys.length === 1 && first !== undefined && !Array.isArray(root)) {
    const value = memberOf(root, first, work);
    return work.left < 0 ? undefined : [value];
  }
  let values: readonly unknown[] = [root];
  for (const key of keys) {
    const nextValues: unknown[] = [];
    // Elements of lists are appended while the array is read.
    const remaining = [...values];
    for (let index = 0; index < remaining.length; index++) {
      const value = remaining[index];
      if (!Array.isArray(value)) nextValues.push(memberOf(value, key, work));
      else if (INDEX.test(key)) {
        nextValues.push(Number(key) < value.length ? value[Number(key)] : MISSING);
      } else if (remaining.length + value.length > MAX_VALUES) return undefined;
      else for (const element of value) remaining.push(element);
    }
    values = nextValues;
  }
  return work.left < 0 ? undefined : values;
}

function memberOf(value: unknown, key: string, work: Work): unknown {
  if (value === AMBIGUOUS) return AMBIGUOUS;
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return MISSING;
  const keys = Object.keys(value);
  if (!takeWork(work, KEY_WORK * keys.length)) return MISSING;
  // Programs in Go and C# take both keys for the same.
  if (keys.some((other) => differsInCase(other, key))) return AMBIGUOUS;
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : MISSING;
}

function differsInCase(one: string, other: string): boolean {
  return one.length === other.length && one !== other && foldCase(one) === foldCase(other);
}
