import assert from "node:assert/strict";
import { lintSource } from "./lint_source.ts";

/** A file, its import, and the finding; `clean` for none. */
const CASES: readonly (readonly [from: string, specifier: string, finding: string])[] = [
  ["main.ts", "./cli/mod.ts", "clean"],
  ["main.ts", "./errors.ts", "clean"],
  ["cli/serve.ts", "../gateway/mod.ts", "clean"],
  ["cli/serve.ts", "../config/mod.ts", "clean"],
  ["cli/token.ts", "../config/editing/mod.ts", "clean"],
  ["config/editing/check_text.ts", "../load.ts", "clean"],
  ["cli/version.ts", "../../deno.json", "clean"],
  ["config/unknown_keys.ts", "../../config/servers.schema.json", "clean"],
  ["gateway/pipeline.ts", "./session.ts", "clean"],
  ["gateway/pipeline.ts", "./tools/mod.ts", "clean"],
  ["gateway/tools/list_servers.ts", "../../policy/mod.ts", "clean"],
  ["gateway/tools/list_servers.ts", "../../downstream/mod.ts", "clean"],
  ["policy/match.ts", "../config/mod.ts", "clean"],
  ["downstream/pool.ts", "../jsonrpc/mod.ts", "clean"],
  ["downstream/pool.ts", "./oauth/mod.ts", "clean"],
  ["downstream/oauth/login.ts", "../pool.ts", "clean"],
  ["config/load.ts", "jsonc-parser", "clean"],
  ["jsonrpc/router.ts", "./framing.ts", "clean"],

  ["cli/serve.ts", "../main.ts", "cli must not import main.ts, which is above it"],
  ["gateway/session.ts", "../cli/mod.ts", "gateway must not import cli, which is above it"],
  [
    "gateway/tools/list_servers.ts",
    "../pipeline.ts",
    "gateway/tools must not import gateway, which is above it",
  ],
  [
    "gateway/tools/list_servers.ts",
    "../mod.ts",
    "gateway/tools must not import gateway, which is above it",
  ],
  [
    "policy/match.ts",
    "../downstream/mod.ts",
    "policy must not import downstream, which is its sibling",
  ],
  ["audit/writer.ts", "../metrics/mod.ts", "audit must not import metrics, which is its sibling"],
  ["config/mod.ts", "./editing/mod.ts", "config must not import config/editing, which is above it"],
  [
    "cli/token.ts",
    "../config/editing/add_token.ts",
    "the folder config is entered only through its mod.ts",
  ],
  ["config/load.ts", "../policy/mod.ts", "config must not import policy, which is above it"],
  ["jsonrpc/router.ts", "../errors.ts", "jsonrpc must not import errors.ts, which is its sibling"],
  ["errors.ts", "./log.ts", "errors.ts must not import log.ts, which is its sibling"],
  ["log.ts", "./config/mod.ts", "log.ts must not import config, which is above it"],

  [
    "gateway/pipeline.ts",
    "../policy/match.ts",
    "the folder policy is entered only through its mod.ts",
  ],
  [
    "gateway/pipeline.ts",
    "./tools/list_servers.ts",
    "the folder tools is entered only through its mod.ts",
  ],
  [
    "cli/serve.ts",
    "../gateway/tools/mod.ts",
    "the folder gateway is entered only through its mod.ts",
  ],
  [
    "downstream/pool.ts",
    "./oauth/login.ts",
    "the folder oauth is entered only through its mod.ts",
  ],
  ["config/load.ts", "../../tests/config/files.ts", "src/ imports nothing outside itself"],
  ["config/load.ts", "../place/mod.ts", "src/place/mod.ts has no layer"],
];

for (const [from, specifier, finding] of CASES) {
  Deno.test(`import-direction: ${from} imports ${specifier}: ${finding}`, () => {
    const findings = finding === "clean" ? [] : [finding];
    for (
      const source of [
        `import { x } from "${specifier}"; x();`,
        `import type { X } from "${specifier}"; export const x: X = 1;`,
        `export * from "${specifier}";`,
        `export { x } from "${specifier}";`,
        `export type X = import("${specifier}").X;`,
        `export const x = await import("${specifier}");`,
      ]
    ) {
      assert.deepEqual(lintSource("import-direction", `src/${from}`, source), findings, source);
    }
  });
}

Deno.test("import-direction: a file of src/ without a layer is reported, even if it imports nothing", () => {
  assert.deepEqual(lintSource("import-direction", "src/stray.ts", "export const x = 1;"), [
    "src/stray.ts has no layer",
  ]);
});

Deno.test("import-direction: a computed import() is reported", () => {
  assert.deepEqual(lintSource("import-direction", "src/cli/serve.ts", "await import(name);"), [
    "import() of a computed name can be neither checked nor bundled",
  ]);
});

Deno.test("import-direction: files outside src/ may import anything", () => {
  const source = 'import { x } from "../../src/policy/match.ts"; x(await import(name));';
  assert.deepEqual(lintSource("import-direction", "tests/policy/match_test.ts", source), []);
});

Deno.test("import-direction: an absolute file name has a layer too", () => {
  const path = new URL("../../../src/config/load.ts", import.meta.url);
  const name = Deno.build.os === "windows" ? path.pathname.slice(1) : path.pathname;
  assert.deepEqual(lintSource("import-direction", name, 'import "../policy/mod.ts";'), [
    "config must not import policy, which is above it",
  ]);
});
