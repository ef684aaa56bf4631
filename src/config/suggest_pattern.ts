import { similarNames } from "../similar_names.ts";
import { compilePattern } from "../wildcards/mod.ts";

/** Like `didYouMean`, for a wildcard pattern that matches no name: proposes a pattern that does. */
export function suggestPattern(pattern: string, names: Iterable<string>): string {
  const length = pattern.search(/[*?]/);
  if (length < 3) return "";
  const [head, rest] = [pattern.slice(0, length), pattern.slice(length)];
  const heads = new Map([...names].map((name) => [name.slice(0, length), name]));
  const [near] = similarNames(head, heads.keys(), { max: 1 });
  if (near === undefined) return "";
  // If the words do not end at the same index, the proposal would contain half a word.
  const isWhole = near.at(-1) === head.at(-1) || !/[^\W_]/.test(near.slice(-1) + head.slice(-1));
  const meant = near + rest;
  const name = heads.get(near) ?? "";
  const fits = isWhole && compilePattern(meant).matches(name);
  return `; did you mean ${JSON.stringify(fits ? meant : name)}?`;
}
