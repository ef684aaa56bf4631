/**
 * Reads YAML. This file is separate, so that the library is loaded only for files in YAML.
 */

import { parse, YAMLError } from "yaml";

/** The value of a text, or its error. */
export interface ParsedText {
  readonly value?: unknown;
  readonly message?: string;
  readonly line?: number;
  readonly column?: number;
}

/** Parses YAML. For an invalid text, returns the error. */
export function readYaml(text: string): ParsedText {
  try {
    return { value: parse(text, { logLevel: "error", maxAliasCount: 100 }) };
  } catch (error) {
    // The parser throws a ReferenceError if there are too many aliases.
    if (!(error instanceof YAMLError || error instanceof ReferenceError)) throw error;
    const [first = ""] = error.message.split("\n");
    const [start] = error instanceof YAMLError ? error.linePos ?? [] : [];
    const position = start === undefined ? {} : { line: start.line, column: start.col };
    return { message: `not YAML: ${first.replace(/ at line \d+, column \d+:$/, "")}`, ...position };
  }
}
