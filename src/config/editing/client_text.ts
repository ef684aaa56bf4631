import { getNodeValue } from "jsonc-parser";
import type { ConfigProblem } from "../../errors.ts";
import { parseDocument } from "../document.ts";

/** The content of an MCP client's JSON file. */
export interface ClientDocument {
  /** Returns the value at a path as `JSON.parse` would; undefined if there is none. */
  valueAt(path: readonly (string | number)[]): unknown;
  /** Returns the keys of the object at a path in the file's order; undefined if it is no object. */
  keysAt(path: readonly (string | number)[]): string[] | undefined;
  /** Makes a problem at the last key of a path. */
  problem(path: readonly (string | number)[], message: string): ConfigProblem;
}

/** The result of parsing a client's file. */
export interface ParsedClient {
  /** Absent if the syntax is wrong. */
  readonly document?: ClientDocument;
  /** The syntax errors and duplicate keys, with positions. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * Parses JSON as clients accept it: with comments and trailing commas, and an empty file as `{}`.
 * Never throws.
 *
 * @param file The name of the file, for problems.
 * @param text The content of the file.
 */
export function parseClientText(file: string, text: string): ParsedClient {
  const whole = text.trim() === "" ? "{}" : text;
  const { document, problems } = parseDocument(file, whole);
  if (document === undefined) return { problems };
  return {
    document: {
      valueAt(path) {
        const node = document.find(path);
        return node === undefined ? undefined : getNodeValue(node);
      },
      keysAt(path) {
        const node = document.find(path);
        if (node?.type !== "object") return undefined;
        return (node.children ?? []).map(({ children: [key] = [] }) => String(key?.value));
      },
      problem: (path, message) => document.problem(path, message, "key"),
    },
    problems,
  };
}
