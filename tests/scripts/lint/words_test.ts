import assert from "node:assert/strict";
import { lintSource } from "./lint_source.ts";

/** Source texts for each rule, with the findings that the rule reports in them. */
const FINDINGS: Readonly<Record<string, readonly (readonly [string, readonly string[]])[]>> = {
  "plain-comments": [
    ["/** The path of the file. */", []],
    ["// A server that hangs is stopped.", []],
    ["// Who is asked? The person at the terminal.", []],
    ["/* Whether it ends. */", []],
    ["/** What is written. */", [
      'a comment begins with "What"; begin with the noun or the subject',
    ]],
    ["/**\n * Who calls, in order.\n *\n * Is it known?\n */", [
      'a comment begins with "Who"; begin with the noun or the subject',
    ]],
    ["// Of these the first.", [
      'a comment begins with "Of"; begin with the noun or the subject',
    ]],
    ["/** Reads. @param options See there. */", ['"See there" says nothing; leave the tag out']],
    ["// Mends the file.", ['"Mends" is "fix" here']],
    ["// An amendment of the terms.", []],
    ['Deno.test("[a.b] a server that hangs is ended", () => {});', []],
    ['search("what is written");', []],
    ['Deno.test("[a.b] [c.d-e] what hangs is ended", () => {});', [
      'a title begins with "what"; begin with the noun or the subject',
    ]],
    ["await t.step(`who calls ${name}`, () => {});", [
      'a title begins with "who"; begin with the noun or the subject',
    ]],
  ],
  "private-words": [
    ["export interface Position { line: number }", []],
    ["export interface Place { line: number }", [
      '"Place" is a private word; write position, path, slot or session',
    ]],
    ["peer.tell();", ['"tell" is a private word; write notify, send or report']],
    ["const PATIENCE = 500;", ['"PATIENCE" is a private word; write grace periods']],
    ["visit(node); display.placeholder = always;", []],
  ],
  "parameters": [
    ["export function f(a: 1, b: 2, c = 3, d?: 4, ...e: 5[]) { return [a, b, c, d, e]; }", []],
    ["function f(a: 1, b: 2, c: 3) { return [a, b, c]; }", []],
    ["export function f(a: 1, b: 2, c: 3) { return [a, b, c]; }", [
      "3 required parameters; an exported function has at most 2",
    ]],
    ["export class A { f(a: 1, b: 2, c: 3) { return [a, b, c]; } }", [
      "3 required parameters; an exported function has at most 2",
    ]],
    ["export class A { #f(a: 1, b: 2, c: 3) { return [a, b, c]; } }", []],
  ],
  "error-style": [
    ['throw new Error("Cannot read the file");', []],
    ['throw new Error("Cannot read it. Run it as its owner.");', []],
    ['throw new CallerError("DENIED");', []],
    ['throw new Error("Cannot read the file.");', [
      "an error message of one sentence ends without a period",
    ]],
    ["throw new Error(`${name} doesn't start`);", [
      'an error message has no contraction: "doesn\'t"',
    ]],
  ],
};

for (const [rule, cases] of Object.entries(FINDINGS)) {
  Deno.test(`lint: ${rule} finds violations, and nothing else`, () => {
    for (const [source, expected] of cases) {
      assert.deepEqual(lintSource(rule, "src/config/load.ts", source), expected, source);
    }
  });
}
