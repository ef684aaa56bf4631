import type { ConfigProblem } from "../../errors.ts";
import { parseDocument } from "../document.ts";
import { fullChecks } from "../full_checks.ts";

/**
 * Checks the text of one of the two files by itself, before it is written.
 *
 * @param kind Which of the two.
 * @param file The file's name, for messages.
 * @param text What is to stand in it.
 * @returns All errors; none where the gateway would take the file.
 */
export function checkText(kind: "servers" | "rules", file: string, text: string): ConfigProblem[] {
  const { document, problems } = parseDocument(file, text);
  if (document === undefined) return [...problems];
  const { problems: more } = kind === "servers"
    ? fullChecks.checkServers(document)
    : fullChecks.checkRules(document);
  return [...problems, ...more];
}
