import { getNodeValue } from "jsonc-parser";
import type { ConfigProblem } from "../../errors.ts";
import { parseDocument } from "../document.ts";

/** The content of an MCP client's JSON file. */
export interface ClientDocument {
  /** Returns the value at a path as `JSON.parse` would; undefined if there is none. */
  getValue(path: readonly (string | number)[]): unknown;
  /** Returns the keys of the object at a path in the file's order; undefined if it is not an object. */
  getKeys(path: readonly (string | number)[]): string[] | undefined;
  /** Creates a problem at the last key of a path. */
  createProblem(path: readonly (string | number)[], message: string): ConfigProblem;
}

/** The result of parsing a client's file. */
export interface ClientParseResult {
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
export function parseClientText(file: string, text: string): ClientParseResult {
  const content = text.trim() === "" ? "{}" : text;
  const { document, problems } = parseDocument(file, content);
  if (document === undefined) return { problems };
  return {
    document: {
      getValue(path) {
        const node = document.findNode(path);
        return node === undefined ? undefined : getNodeValue(node);
      },
      getKeys(path) {
        const node = document.findNode(path);
        if (node?.type !== "object") return undefined;
        return (node.children ?? []).map(({ children: [key] = [] }) => String(key?.value));
      },
      createProblem: (path, message) => document.createProblem(path, message, "key"),
    },
    problems,
  };
}
