import { getNodeValue } from "jsonc-parser";
import type { ConfigProblem } from "../../errors.ts";
import { parseDocument } from "../document.ts";

/** What stands in a file of JSON that belongs to an MCP client. */
export interface ClientDocument {
  /** The value at a path, plain as `JSON.parse` gives it; undefined where there is none. */
  valueAt(path: readonly (string | number)[]): unknown;
  /** The keys of the object at a path, in the file's order; undefined where there is no object. */
  keysAt(path: readonly (string | number)[]): string[] | undefined;
  /** A problem at the key that a path ends with. */
  problem(path: readonly (string | number)[], message: string): ConfigProblem;
}

/** What became of a client's file: no document where its syntax is wrong. */
export interface ParsedClient {
  /** The document. */
  readonly document?: ClientDocument;
  /** What is wrong, with places. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * Parses JSON as clients take it: with comments and trailing commas, and empty where nobody has
 * written anything yet. Never throws.
 *
 * @param file The file's name, for problems.
 * @param text What stands in it.
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
