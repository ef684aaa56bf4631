import { similarNames } from "../similar_names.ts";
import { compilePattern } from "../wildcards/mod.ts";

/** Like `didYouMean`, for a wildcard pattern that matches no name: proposes a pattern that does. */
export function suggestPattern(pattern: string, names: Iterable<string>): string {
  const length = pattern.search(/[*?]/);
  if (length < 3) return "";
  const [prefix, suffix] = [pattern.slice(0, length), pattern.slice(length)];
  const namesByPrefix = new Map([...names].map((name) => [name.slice(0, length), name]));
  const [similarPrefix] = similarNames(prefix, namesByPrefix.keys(), { max: 1 });
  if (similarPrefix === undefined) return "";
  // If the prefixes do not end at the same point of a word, the proposal would contain half a word.
  const hasWholeWords = similarPrefix.at(-1) === prefix.at(-1) ||
    !/[^\W_]/.test(similarPrefix.slice(-1) + prefix.slice(-1));
  const proposal = similarPrefix + suffix;
  const name = namesByPrefix.get(similarPrefix) ?? "";
  const fits = hasWholeWords && compilePattern(proposal).matches(name);
  return `; did you mean ${JSON.stringify(fits ? proposal : name)}?`;
}
