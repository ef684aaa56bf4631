import { ConfigError, type ConfigProblem } from "../../errors.ts";
import { buildRules } from "../build_rules.ts";
import { diagnosticChecks } from "../diagnostic_checks.ts";
import { type Document, parseDocument } from "../document.ts";
import type { Rules } from "../rules.ts";

/**
 * Reads the text of a rules file.
 *
 * @param content The name of the file, for messages, and its text.
 * @throws {ConfigError} if the file has errors.
 */
export function parseRules(
  { file, text }: { readonly file: string; readonly text: string },
): { readonly document: Document; readonly rules: Rules } {
  const { document, problems } = parseDocument(file, text);
  if (document === undefined) throw new ConfigError(problems);
  const result = diagnosticChecks.checkRules(document);
  const allProblems: ConfigProblem[] = [...problems, ...result.problems];
  if (result.file === undefined || allProblems.length > 0) throw new ConfigError(allProblems);
  return { document, rules: buildRules(result.file) };
}

/**
 * Returns a function that creates problems with the positions of a rules file.
 *
 * @param content The name of the file, for messages, and its text.
 * @throws {ConfigError} if the file has errors.
 */
export function createProblemFactory(
  content: { readonly file: string; readonly text: string },
): (path: readonly (string | number)[], message: string) => ConfigProblem {
  const { document } = parseRules(content);
  return (path, message) => document.createProblem(path, message);
}
