/**
 * Reads YAML. A file of its own, so that the library is loaded for files in YAML only.
 */

import { parse, YAMLError } from "yaml";

/** A value, or the error in the text. */
export interface YamlReading {
  readonly value?: unknown;
  readonly message?: string;
  readonly line?: number;
  readonly column?: number;
}

/** Reads a text of YAML. An invalid text does not throw. */
export function readYaml(text: string): YamlReading {
  try {
    return { value: parse(text, { logLevel: "error", maxAliasCount: 100 }) };
  } catch (error) {
    // Too many aliases throw a ReferenceError, not a YAMLError.
    if (!(error instanceof YAMLError || error instanceof ReferenceError)) throw error;
    const [first = ""] = error.message.split("\n");
    const [start] = error instanceof YAMLError ? error.linePos ?? [] : [];
    const at = start === undefined ? {} : { line: start.line, column: start.col };
    return { message: `not YAML: ${first.replace(/ at line \d+, column \d+:$/, "")}`, ...at };
  }
}
