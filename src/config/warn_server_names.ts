import type { ConfigProblem } from "../errors.ts";
import type { Document } from "./document.ts";
import { entriesOf, objectAt } from "./json_value.ts";
import { findNameFault, foldName, quoteName } from "./name_faults.ts";

/**
 * Warns of server names with faults, of names that look alike, and of names with wildcards, because no rule can name
 * such a server alone.
 */
export function warnServerNames(document: Document): ConfigProblem[] {
  const namesByFold = new Map<string, string>();
  return entriesOf(objectAt(document.value, "mcpServers")).flatMap(([name]) => {
    const lookalike = namesByFold.get(foldName(name));
    namesByFold.set(foldName(name), lookalike ?? name);
    const message = describeServerNameFault(name, lookalike);
    return message === undefined
      ? []
      : [document.createProblem(["mcpServers", name], message, "key")];
  });
}

function describeServerNameFault(name: string, lookalike: string | undefined): string | undefined {
  const fault = findNameFault(name);
  if (fault !== undefined) {
    const advice = fault.correctedName === ""
      ? "rename it"
      : `rename it to ${quoteName(fault.correctedName)}`;
    return `the name of this server ${fault.description}, and names match exactly: ${advice}`;
  }
  if (/[*?]/.test(name)) {
    return `rules cannot name this server alone, because "*" and "?" are wildcards there: rename it`;
  }
  if (lookalike === undefined) return undefined;
  const otherServer = quoteName(lookalike);
  return lookalike.toLowerCase() === name.toLowerCase()
    ? `this name differs from that of server ${otherServer} only in case: rename one of the two`
    : `this name looks like that of server ${otherServer}: rename one of the two`;
}
