import { nearNames } from "../near_names.ts";
import { compilePattern } from "../wildcards/mod.ts";

/** The nearest of some names to a mistyped one, as words to append to a message; else `""`. */
export function suggest(given: string, names: Iterable<string>): string {
  const [best] = nearNames(given, names, 1);
  return best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`;
}

/** Like `suggest`, for a wildcard pattern that matches none of the names: one that matches some. */
export function suggestPattern(pattern: string, names: Iterable<string>): string {
  const head = pattern.search(/[*?]/);
  if (head < 3) return "";
  const rest = pattern.slice(head);
  const others = [...names].map((name) => ({ name, pattern: name.slice(0, head) + rest }));
  const fitting = others.filter(({ name, pattern }) => compilePattern(pattern).matches(name));
  return suggest(pattern, new Set(fitting.map(({ pattern }) => pattern)));
}
