import { didYouMean } from "../similar_names.ts";
import { compilePattern } from "../wildcards/mod.ts";
import { findLookalike, findNameFault, quoteName } from "./name_faults.ts";
import { suggestPattern } from "./suggest_pattern.ts";

/**
 * Proposes a correction for a name or pattern in the rules that matches none of the known names.
 *
 * @param name The name or pattern as written.
 * @param candidates The known names.
 * @returns A text to append to a message; `""` if there is nothing to propose.
 */
export function suggestCorrection(name: string, candidates: Iterable<string>): string {
  const knownNames = [...candidates];
  const lookalike = findLookalike(name, knownNames);
  const fault = findNameFault(name);
  if (fault !== undefined) {
    const correction = lookalike?.name ?? fault.correctedName;
    const advice = correction === "" ? "" : `: write ${quoteName(correction)}`;
    return `; the name ${fault.description}${advice}`;
  }
  if (/[*?]/.test(name)) {
    const { matches } = compilePattern(name.toLowerCase());
    const caseVariant = knownNames.find((knownName) => matches(knownName.toLowerCase()));
    if (caseVariant === undefined) return suggestPattern(name, knownNames);
    return `; names are case-sensitive, and ${quoteName(caseVariant)} differs in case`;
  }
  if (lookalike === undefined) return didYouMean(name, knownNames);
  return lookalike.differsInCaseOnly
    ? `; names are case-sensitive: write ${quoteName(lookalike.name)}`
    : `; it looks like ${quoteName(lookalike.name)} but is encoded differently ` +
      "(Unicode normalization): copy that name";
}
