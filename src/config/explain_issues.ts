import type { Node } from "jsonc-parser";
import type { ConfigProblem } from "../errors.ts";
import type { Document } from "./document.ts";
import { decodeKey } from "./json_value.ts";
import type { Issue } from "./shape.ts";
import { suggest } from "./suggest.ts";

/** Turns what does not fit a schema into problems with places and plain words. */
export function explainIssues(document: Document, issues: readonly Issue[]): ConfigProblem[] {
  return issues.map((issue) => explain(document, issue));
}

function explain(document: Document, issue: Issue): ConfigProblem {
  const path = issue.path.map((part) => typeof part === "number" ? part : decodeKey(part));
  if (issue.why === "key") {
    const hint = suggest(String(path.at(-1)), issue.known) ||
      `; expected ${issue.known.join(", ")}`;
    return document.problem(path, `unknown key${hint}`, "key");
  }
  const node = document.find(path);
  const expected = `expected ${issue.expected}`;
  if (node !== undefined) return document.problem(path, expected + describeFound(issue, node));
  return document.problem(path, `this key is missing: ${expected}`);
}

/** Says what is there instead; quotes no value that may be a secret. */
function describeFound({ why, known }: Issue, node: Node): string {
  // A number in `env` or `args` may be a secret; where a number belongs it is none.
  if (node.type === "boolean" || why === "number") return `, found ${node.value}`;
  if (why === "word" && node.type === "string" && node.value.length <= 40) {
    return `, found ${JSON.stringify(node.value)}${suggest(node.value, known)}`;
  }
  // A text that fails a test is of the right kind: to say "found a string" would not help.
  return why === "test" ? "" : `, found ${kinds.get(node.type) ?? node.type}`;
}

const kinds = new Map(Object.entries({
  array: "a list",
  object: "an object",
  string: "a string",
  number: "a number",
}));
