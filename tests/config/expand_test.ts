import assert from "node:assert/strict";
import { expandText } from "../../src/config/expand.ts";
import { createEnvironment } from "./check_files.ts";
import { cpuMs } from "../cpu_time.ts";

const variables = {
  env: createEnvironment({
    SET: "value",
    EMPTY: "",
    REF: "${SET}",
    userHome: "not this",
    "ProgramFiles(x86)": "C:\\x86",
  }),
  home: "/home/someone",
  cwd: "/project",
};

const expand = (text: string) => expandText(text, variables);

const EXPANSIONS: [text: string, result: string][] = [
  ["plain $HOME {x} }", "plain $HOME {x} }"],
  ["${SET}", "value"],
  ["a${SET}b${SET}", "avaluebvalue"],
  ["${env:SET}", "value"],
  ["${EMPTY}", ""],
  ["${EMPTY:-default}", "default"],
  ["${NOT_SET:-default}", "default"],
  ["${NOT_SET:-}", ""],
  ["${SET:-default}", "value"],
  ["${env:NOT_SET:-default}", "default"],
  ["${NOT_SET:-a:-b}", "a:-b"],
  ["${NOT_SET:-{}}", "{}"],
  ["${NOT_SET:-${SET}!}", "value!"],
  ["${NOT_SET:-${EMPTY:-${SET}}}", "value"],
  ["${SET:-${NOT_SET}}", "value"],
  ["${NOT_SET:-$${SET}", "${SET"],
  ["${userHome}/x", "/home/someone/x"],
  ["${workspaceFolder}/x", "/project/x"],
  ["${env:userHome}", "not this"],
  ["${env:ProgramFiles(x86)}", "C:\\x86"],
  ["$${SET}", "${SET}"],
  ["$$${SET}", "$${SET}"],
  ["$$ $5 $", "$$ $5 $"],
  ["${REF}", "${SET}"],
];

for (const [text, result] of EXPANSIONS) {
  Deno.test(`[servers.expansion] ${JSON.stringify(text)} becomes ${JSON.stringify(result)}`, () => {
    const { text: expandedText, error } = expand(text);
    assert.deepEqual([expandedText, error], [result, undefined]);
  });
}

Deno.test("[servers.unset-variable] an error names the unset variable, and the text is unchanged", () => {
  for (const text of ["a ${NOT_SET}", "${env:NOT_SET}", "${X:-${NOT_SET}}", "${SET} ${NOT_SET}"]) {
    assert.deepEqual(expand(text), {
      text,
      hasReference: true,
      error: 'variable "NOT_SET" is not set',
    });
  }
  const withoutHome = expandText("${userHome}", { ...variables, home: undefined });
  assert.equal(withoutHome.error, 'variable "userHome" is not set');
});

Deno.test("[servers.expansion] a malformed reference is an error, and the text is unchanged", () => {
  const texts = ["${", "${SET", "${}", "${1A}", "${A B}", "${inputs:key}", "${A-b}", "${A:b}"];
  for (const text of [...texts, "${SET:-x", "${SET:-${", "${X:-${1}}", "${NOT_SET} ${"]) {
    const { text: expandedText, error } = expand(text);
    assert.equal(expandedText, text);
    assert.match(error ?? "", /^a `\$\{` does not begin a variable/, text);
  }
});

Deno.test("[servers.expansion] long and deep texts take linear time and do not overflow the stack", () => {
  const deepText = "${A:-".repeat(100_000) + "}".repeat(100_000);
  assert.match(expand(deepText).error ?? "", /does not begin a variable/);
  const longText = "${NOT_SET:-x}$${".repeat(100_000);
  const startMs = cpuMs();
  assert.equal(expand(longText).text, "x${".repeat(100_000));
  assert.ok(cpuMs() - startMs < 2000);
});

Deno.test({
  name: "[servers.unset-variable] a variable that Deno may not read counts as not set",
  permissions: { env: ["SOME_OTHER"] },
  fn() {
    const { error } = expandText("${NOT_ALLOWED}", { ...variables, env: Deno.env });
    assert.equal(error, 'variable "NOT_ALLOWED" is not set');
  },
});
