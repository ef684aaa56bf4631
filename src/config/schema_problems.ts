import type { Node } from "jsonc-parser";
import type * as z from "zod/mini";
import type { ConfigProblem } from "../errors.ts";
import type { Document, Path } from "./document.ts";
import { decodeKey } from "./json_value.ts";
import { didYouMean } from "../similar_names.ts";

type Issue = z.core.$ZodIssue;

/** The keys of `allow` and `deny` that `ask` does not have. */
const GRANT_KEYS: readonly string[] = ["servers", "resources", "prompts"];

/** Creates problems, with positions and plain messages, from the issues that zod found. */
export function createProblems(document: Document, issues: readonly Issue[]): ConfigProblem[] {
  return issues.flatMap((issue) => createIssueProblems(document, issue, []));
}

function createIssueProblems(document: Document, issue: Issue, base: Path): ConfigProblem[] {
  const path = [...base, ...issue.path.map(decodePathPart)];
  if (issue.code === "unrecognized_keys") {
    const knownKeys = issue.message.split(" ");
    // An agent may have the id "ask".
    const isAsk = path.length === 3 && path[0] === "agents" && path[2] === "ask";
    return issue.keys.map((encoded) => {
      const key = decodeKey(encoded);
      if (isAsk && GRANT_KEYS.includes(key)) {
        const message = "unknown key: a person can be asked only about `tools`";
        return document.createProblem([...path, key], message, "key");
      }
      const hint = didYouMean(key, knownKeys) || `; expected ${knownKeys.join(", ")}`;
      return document.createProblem([...path, key], `unknown key${hint}`, "key");
    });
  }
  if (issue.code === "invalid_union") {
    // The branch that accepts the type of the value is probably the intended one.
    const matchingBranches = issue.errors.filter((branch) => !branch.some(isWrongRootType));
    if (matchingBranches.length === 1) {
      return (matchingBranches[0] ?? []).flatMap((nested) =>
        createIssueProblems(document, nested, path)
      );
    }
  }
  const node = document.findNode(path);
  const expected = `expected ${issue.message}`;
  if (node !== undefined) {
    const message = expected + describeActualValue(issue, node);
    // Some clients write the program and its arguments as one list.
    const isCommandList = path.length === 3 && path[2] === "command" && node.type === "array";
    return [
      document.createProblem(
        path,
        isCommandList ? `${message}; its arguments belong in "args"` : message,
      ),
    ];
  }
  return [document.createProblem(path, `this key is missing: ${expected}`)];
}

function decodePathPart(part: PropertyKey): string | number {
  return typeof part === "number" ? part : decodeKey(String(part));
}

function isWrongRootType(issue: Issue): boolean {
  return issue.code === "invalid_type" && issue.path.length === 0;
}

/** Describes the actual value; does not quote a value that may be a secret. */
function describeActualValue(issue: Issue, node: Node): string {
  // A number in `env` or `args` may be a secret. Where a number is expected, it is not.
  const isNumeric = issue.code === "too_small" || issue.code === "too_big" ||
    (issue.code === "invalid_type" && issue.expected === "int");
  if (node.type === "number" && isNumeric) return `, found ${node.value}`;
  if (node.type === "boolean") return `, found ${node.value}`;
  if (issue.code === "invalid_value" && node.type === "string" && node.value.length <= 40) {
    const hint = didYouMean(node.value, issue.values.map(String));
    return `, found ${JSON.stringify(node.value)}${hint}`;
  }
  // A string that fails a test has the right type, so "found a string" would not help.
  return issue.code === "custom" ? "" : `, found ${TYPE_NAMES.get(node.type) ?? node.type}`;
}

const TYPE_NAMES = new Map(Object.entries({
  array: "a list",
  object: "an object",
  string: "a string",
  number: "a number",
}));
