import type { Node } from "jsonc-parser";
import { ConfigError, type ConfigProblem } from "../../errors.ts";
import { casesSchema } from "../cases_schema.ts";
import { checkDocument } from "../check_document.ts";
import { type Document, parseDocument } from "../document.ts";
import { isObject, type JsonObject, objectAt } from "../json_value.ts";
import type { EFFECTS } from "../rules.ts";

/** A question to the rules, and the decision that they have to make. */
export interface PolicyCase {
  /** Id of the agent. */
  readonly agent: string;
  /** Name of the server. */
  readonly server: string;
  /** The tool, or the URI of the resource, or the server's name of the prompt. */
  readonly subject:
    | { readonly tool: string }
    | { readonly resource: string }
    | { readonly prompt: string };
  /** The arguments of the call as JSON text, with numbers as they are written; absent if the case has none. */
  readonly args?: string;
  /** The expected decision. */
  readonly expect: typeof EFFECTS[number];
  /** Path of the entry that has to decide; absent if any may. */
  readonly rule?: string;
  /** Creates a problem at the position of the case. */
  readonly createProblem: (message: string) => ConfigProblem;
}

/** The keys that name the subject of a case; each case has one of them. */
const SUBJECTS = ["tool", "resource", "prompt"] as const;

/**
 * Reads a file of cases.
 *
 * @param content The name of the file, for messages, and its text.
 * @throws {ConfigError} if the file has errors; contains all of them.
 */
export function readCases(
  { file, text }: { readonly file: string; readonly text: string },
): PolicyCase[] {
  const { document, problems } = parseDocument(file, text);
  if (document === undefined) throw new ConfigError(problems);
  const result = checkDocument(document, {
    schema: casesSchema,
    checkBeyondSchema: checkCases,
  });
  const allProblems = [...problems, ...result.problems];
  if (result.file === undefined || allProblems.length > 0) throw new ConfigError(allProblems);
  return result.file.cases.map((fileCase, index): PolicyCase => {
    const { agent, server, tool, resource, prompt, expect, rule } = fileCase;
    const args = document.findNode(["cases", index, "args"]);
    const otherSubject = resource !== undefined ? { resource } : { prompt: prompt ?? "" };
    return {
      agent,
      server,
      subject: tool !== undefined ? { tool } : otherSubject,
      ...(args !== undefined && { args: toJson(args, text) }),
      expect,
      ...(rule !== undefined && { rule }),
      createProblem: (message) => document.createProblem(["cases", index], message),
    };
  });
}

/** Checks what the schema cannot express with a message of its own. */
function checkCases(document: Document): ConfigProblem[] {
  const { cases } = objectAt(document.value);
  if (!Array.isArray(cases)) return [];
  if (cases.length === 0) {
    const message = "expected at least one case: without cases, nothing is tested";
    return [document.createProblem(["cases"], message)];
  }
  return cases.flatMap((fileCase, index) => {
    if (!isObject(fileCase)) return [];
    const fault = findFault(fileCase);
    return fault === undefined ? [] : [
      document.createProblem(
        ["cases", index, ...fault.key === undefined ? [] : [fault.key]],
        fault.message,
      ),
    ];
  });
}

function findFault(
  fileCase: JsonObject,
): { readonly key?: string; readonly message: string } | undefined {
  const [subject, other] = SUBJECTS.filter((key) => key in fileCase);
  if (subject === undefined) {
    return { message: "this case is about nothing: add `tool`, `resource` or `prompt`" };
  }
  if (other !== undefined) {
    return {
      key: other,
      message: `a case is about one thing: remove \`${subject}\` or \`${other}\``,
    };
  }
  if (subject === "tool") return undefined;
  if ("args" in fileCase) {
    return {
      key: "args",
      message: `rules judge arguments of tools only: remove \`args\`, or name a \`tool\``,
    };
  }
  if (fileCase["expect"] === "ask") {
    return {
      key: "expect",
      message: 'rules ask about calls of tools only: expect "allow" or "deny", or name a `tool`',
    };
  }
  return undefined;
}

/** Returns a value as JSON without comments and trailing commas; numbers keep all their digits. */
function toJson(node: Node, text: string): string {
  const { type, children = [], offset, length } = node;
  if (type === "array") return `[${children.map((child) => toJson(child, text)).join(",")}]`;
  if (type !== "object") {
    return type === "string" ? JSON.stringify(node.value) : text.slice(offset, offset + length);
  }
  const members = children.map(({ children: [key, value] = [] }) => {
    return `${JSON.stringify(key?.value)}:${value === undefined ? "null" : toJson(value, text)}`;
  });
  return `{${members.join(",")}}`;
}
