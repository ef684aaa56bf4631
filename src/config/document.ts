import type { Node } from "jsonc-parser";
import type { ConfigProblem } from "../errors.ts";
import { type JsonValue, valueOf } from "./json_value.ts";
import { formatPath } from "./path.ts";
import { type Place, placesOf } from "./place.ts";
import { parseSyntax } from "./syntax.ts";

/** Keys as strings, list positions as numbers. */
export type Path = readonly (string | number)[];

/** A configuration file whose syntax is right. */
export interface Document {
  /** The whole value. */
  readonly value: JsonValue;
  /** The node at a path, where there is one. */
  find(path: Path): Node | undefined;
  /** A problem at a value, at the object that lacks it, or at the key that names it. */
  problem(path: Path, message: string, at?: "value" | "key"): ConfigProblem;
}

/** What became of a file: no document where its syntax is wrong. */
export interface Parsed {
  /** The document, where the syntax is right. */
  readonly document?: Document;
  /** What is wrong. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * Parses JSON with comments and trailing commas; never throws, whatever the text.
 *
 * @param file The file's name, for problems.
 * @param text What stands in it.
 */
export function parseDocument(file: string, text: string): Parsed {
  const placeOf = placesOf(text);
  const problemAt = (offset: number, path: Path, message: string): ConfigProblem => ({
    file,
    ...placeOf(offset),
    path: formatPath(path),
    message,
  });
  const { root, faults } = parseSyntax(text);
  if (root === undefined) {
    return { problems: faults.map(({ offset, message }) => problemAt(offset, [], message)) };
  }
  const members: Members = new Map();
  const document: Document = {
    value: valueOf(root),
    find: (path) => walk(root, path, members).at(path.length),
    problem(path, message, at = "value") {
      const found = walk(root, path, members);
      const node = found.at(-1) ?? root;
      const whole = found.length === path.length + 1;
      const key = at === "key" && whole ? node.parent?.children?.[0] : undefined;
      return problemAt((key ?? node).offset, path, message);
    },
  };
  const problems = findDuplicates(root, [], placeOf)
    .map(({ offset, path, message }) => problemAt(offset, path, message));
  return { document, problems };
}

/** The members of the objects that were walked through, by their keys. */
type Members = Map<Node, ReadonlyMap<string, Node | undefined>>;

/** The nodes along a path, the root first, as far as they are there. */
function walk(root: Node, path: Path, members: Members): Node[] {
  const nodes = [root];
  for (const part of path) {
    const node = nodes.at(-1) ?? root;
    const next = typeof part === "number"
      ? node.type === "array" ? node.children?.[part] : undefined
      : membersOf(node, members).get(part);
    if (next === undefined) break;
    nodes.push(next);
  }
  return nodes;
}

/** Kept, because a file with thousands of agents may have as many problems. */
function membersOf(node: Node, members: Members): ReadonlyMap<string, Node | undefined> {
  const known = members.get(node);
  if (known !== undefined) return known;
  const own = new Map<string, Node | undefined>();
  const properties = node.type === "object" ? node.children ?? [] : [];
  for (const { children: [key, value] = [] } of properties) {
    // Of keys that stand twice the first counts.
    if (key !== undefined && !own.has(key.value)) own.set(key.value, value);
  }
  members.set(node, own);
  return own;
}

interface Duplicate {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
}

function findDuplicates(node: Node, path: Path, placeOf: (offset: number) => Place): Duplicate[] {
  const children = node.children ?? [];
  if (node.type === "array") {
    return children.flatMap((child, index) => findDuplicates(child, [...path, index], placeOf));
  }
  if (node.type !== "object") return [];
  const firsts = new Map<string, number>();
  return children.flatMap(({ children: [key, value] = [] }) => {
    if (key === undefined || value === undefined) return [];
    const here = [...path, String(key.value)];
    const within = findDuplicates(value, here, placeOf);
    const first = firsts.get(key.value);
    if (first === undefined) {
      firsts.set(key.value, key.offset);
      return within;
    }
    const { line, column } = placeOf(first);
    const message = `this key stands twice in the object, first at line ${line}, ` +
      `column ${column}: keep one of the two`;
    return [{ offset: key.offset, path: here, message }, ...within];
  });
}
