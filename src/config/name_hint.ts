import { didYouMean } from "../similar_names.ts";
import { compilePattern } from "../wildcards/mod.ts";
import { findLookalike, findNameFault, quoteName } from "./name_faults.ts";
import { suggestPattern } from "./suggest_pattern.ts";

/**
 * Proposes a correction for a name or pattern in the rules that matches none of the known names.
 *
 * @param given The name or pattern as written.
 * @param names The known names.
 * @returns A text to append to a message; `""` if there is nothing to propose.
 */
export function suggestCorrection(given: string, names: Iterable<string>): string {
  const known = [...names];
  const lookalike = findLookalike(given, known);
  const fault = findNameFault(given);
  if (fault !== undefined) {
    const correction = lookalike?.name ?? fault.correctedName;
    const advice = correction === "" ? "" : `: write ${quoteName(correction)}`;
    return `; the name ${fault.description}${advice}`;
  }
  if (/[*?]/.test(given)) {
    const { matches } = compilePattern(given.toLowerCase());
    const caseVariant = known.find((name) => matches(name.toLowerCase()));
    if (caseVariant === undefined) return suggestPattern(given, known);
    return `; names are case-sensitive, and ${quoteName(caseVariant)} differs in case`;
  }
  if (lookalike === undefined) return didYouMean(given, known);
  return lookalike.differsInCaseOnly
    ? `; names are case-sensitive: write ${quoteName(lookalike.name)}`
    : `; it looks like ${quoteName(lookalike.name)} but is encoded differently ` +
      "(Unicode normalization): copy that name";
}
