import { nearNames } from "../near_names.ts";

/** The nearest of some names to a mistyped one, as words to append to a message; else `""`. */
export function suggest(given: string, names: Iterable<string>): string {
  const [best] = nearNames(given, names, 1);
  return best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`;
}
