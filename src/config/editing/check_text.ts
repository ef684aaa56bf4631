import type { ConfigProblem } from "../../errors.ts";
import { parseDocument } from "../document.ts";
import { diagnosticChecks } from "../diagnostic_checks.ts";

/**
 * Checks the text of one of the two files by itself, before it is written.
 *
 * @param content The name of the file, for messages, and its text.
 * @returns All errors; none if the gateway would accept the file.
 */
export function checkText(
  kind: "servers" | "rules",
  { file, text }: { readonly file: string; readonly text: string },
): ConfigProblem[] {
  const { document, problems } = parseDocument(file, text);
  if (document === undefined) return [...problems];
  const { problems: checkProblems } = kind === "servers"
    ? diagnosticChecks.checkServers(document)
    : diagnosticChecks.checkRules(document);
  return [...problems, ...checkProblems];
}
