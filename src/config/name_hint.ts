import { compilePattern } from "../wildcards/mod.ts";
import { findLookalike, findNameFault, quoteName } from "./name_faults.ts";
import { suggest, suggestPattern } from "./suggest.ts";

/**
 * What to write for a name or a pattern in the rules that matches none of the names that there are,
 * as words to append to a message; else `""`.
 *
 * @param given The name or pattern as written.
 * @param names The names that it may have meant.
 */
export function nameHint(given: string, names: Iterable<string>): string {
  const known = [...names];
  const twin = findLookalike(given, known);
  const fault = findNameFault(given);
  if (fault !== undefined) {
    const meant = twin?.name ?? fault.meant;
    return `; the name ${fault.what}${meant === "" ? "" : `: write ${quoteName(meant)}`}`;
  }
  if (/[*?]/.test(given)) {
    const { matches } = compilePattern(given.toLowerCase());
    const cased = known.find((name) => matches(name.toLowerCase()));
    if (cased === undefined) return suggestPattern(given, known);
    return `; names are case-sensitive, and ${quoteName(cased)} differs in case`;
  }
  if (twin === undefined) return suggest(given, known);
  return twin.isCase
    ? `; names are case-sensitive: write ${quoteName(twin.name)}`
    : `; it looks like ${quoteName(twin.name)} but is encoded differently ` +
      "(Unicode normalization): copy that name";
}
