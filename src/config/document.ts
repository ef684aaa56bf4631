import type { Node } from "jsonc-parser";
import type { ConfigProblem } from "../errors.ts";
import { buildValue, type JsonValue } from "./json_value.ts";
import { formatPath } from "../json.ts";
import { createPositionFinder, type Position } from "./position.ts";
import { parseSyntax } from "./syntax.ts";

/** A path to a value: keys as strings, list indexes as numbers. */
export type Path = readonly (string | number)[];

/** A configuration file whose syntax is right. */
export interface Document {
  readonly value: JsonValue;
  findNode(path: Path): Node | undefined;
  /**
   * Creates a problem at the value of a path, or at its key. If the path does not exist, the problem is
   * at the innermost value that does.
   */
  createProblem(path: Path, message: string, at?: "value" | "key"): ConfigProblem;
}

/** The result of parsing a file. */
export interface ParseResult {
  /** Absent if the syntax is wrong. */
  readonly document?: Document;
  readonly problems: readonly ConfigProblem[];
}

/**
 * Parses JSON with comments and trailing commas. Never throws.
 *
 * @param file The name of the file, for problems.
 * @param text The content of the file.
 */
export function parseDocument(file: string, text: string): ParseResult {
  const positionAt = createPositionFinder(text);
  const problemAt = (offset: number, path: Path, message: string): ConfigProblem => ({
    file,
    ...positionAt(offset),
    path: formatPath(path),
    message,
  });
  const { root, problems: syntaxProblems } = parseSyntax(text);
  if (root === undefined) {
    return {
      problems: syntaxProblems.map(({ offset, message }) => problemAt(offset, [], message)),
    };
  }
  const members: Members = new Map();
  const document: Document = {
    value: buildValue(root),
    findNode: (path) => findNodesAlong(root, path, members).at(path.length),
    createProblem(path, message, at = "value") {
      const nodes = findNodesAlong(root, path, members);
      const node = nodes.at(-1) ?? root;
      const exists = nodes.length === path.length + 1;
      const key = at === "key" && exists ? node.parent?.children?.[0] : undefined;
      return problemAt((key ?? node).offset, path, message);
    },
  };
  const problems = findDuplicateKeys(root, [], positionAt)
    .map(({ offset, path, message }) => problemAt(offset, path, message));
  return { document, problems };
}

/** The members of each visited object, by key. */
type Members = Map<Node, ReadonlyMap<string, Node | undefined>>;

/** Returns the nodes along a path, the root first, as far as they exist. */
function findNodesAlong(root: Node, path: Path, members: Members): Node[] {
  const nodes = [root];
  for (const part of path) {
    const child = findChild(nodes.at(-1) ?? root, part, members);
    if (child === undefined) break;
    nodes.push(child);
  }
  return nodes;
}

function findChild(node: Node, part: string | number, members: Members): Node | undefined {
  if (typeof part === "string") return getMembers(node, members).get(part);
  return node.type === "array" ? node.children?.[part] : undefined;
}

/** Caches the members, because a file with thousands of agents may have as many problems. */
function getMembers(node: Node, members: Members): ReadonlyMap<string, Node | undefined> {
  const cached = members.get(node);
  if (cached !== undefined) return cached;
  const keyedMembers = new Map<string, Node | undefined>();
  const properties = node.type === "object" ? node.children ?? [] : [];
  for (const { children: [key, value] = [] } of properties) {
    // The first of two equal keys wins.
    if (key !== undefined && !keyedMembers.has(key.value)) keyedMembers.set(key.value, value);
  }
  members.set(node, keyedMembers);
  return keyedMembers;
}

interface DuplicateKey {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
}

function findDuplicateKeys(
  node: Node,
  path: Path,
  positionAt: (offset: number) => Position,
): DuplicateKey[] {
  const children = node.children ?? [];
  if (node.type === "array") {
    return children.flatMap((child, index) =>
      findDuplicateKeys(child, [...path, index], positionAt)
    );
  }
  if (node.type !== "object") return [];
  const firstOffsets = new Map<string, number>();
  return children.flatMap(({ children: [key, value] = [] }) => {
    if (key === undefined || value === undefined) return [];
    const keyPath = [...path, String(key.value)];
    const nestedDuplicates = findDuplicateKeys(value, keyPath, positionAt);
    const firstOffset = firstOffsets.get(key.value);
    if (firstOffset === undefined) {
      firstOffsets.set(key.value, key.offset);
      return nestedDuplicates;
    }
    const { line, column } = positionAt(firstOffset);
    const message = `duplicate key, first used at line ${line}, column ${column}: ` +
      "keep one of the two";
    return [{ offset: key.offset, path: keyPath, message }, ...nestedDuplicates];
  });
}
