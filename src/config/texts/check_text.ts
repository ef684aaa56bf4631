import type { ConfigProblem } from "../../errors.ts";
import { parseDocument } from "../document.ts";
import { checkRulesFile, checkServersFile } from "../load.ts";

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
  const check = kind === "servers" ? checkServersFile : checkRulesFile;
  return [...problems, ...check(document).problems];
}
