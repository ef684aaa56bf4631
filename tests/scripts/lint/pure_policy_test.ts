import assert from "node:assert/strict";
import { lintSource } from "./lint_source.ts";

const IMPURE: Readonly<Record<string, string>> = {
  'Deno.readTextFileSync("rules");': "policy/ must not use Deno",
  "let c: Deno.Command;": "policy/ must not use Deno",
  'fetch("http://x");': "policy/ must not use fetch",
  "const { fetch: get } = globalThis;": "policy/ must not use globalThis",
  "setTimeout(f, 1);": "policy/ must not use setTimeout",
  "const later = { setInterval };": "policy/ must not use setInterval",
  "Date.now();": "policy/ must not use Date",
  "new Date();": "policy/ must not use Date",
  "table[Date];": "policy/ must not use Date",
  "performance.now();": "policy/ must not use performance",
  "Math.random();": "policy/ must not use Math.random",
  "const { random } = Math;": "policy/ must not use Math.random",
  'Math["random"]();': "policy/ must not use Math.random",
  "crypto.randomUUID();": "policy/ must not use crypto",
  'console.log("x");': "policy/ must not use console",
  'import process from "node:process"; process.exit();':
    "policy/ must not import node:process: a package can do I/O unseen",
  'import { x } from "zod/mini"; x();':
    "policy/ must not import zod/mini: a package can do I/O unseen",
  'export * from "fast-check";': "policy/ must not import fast-check: a package can do I/O unseen",
  'await import("node:fs");': "policy/ must not import node:fs: a package can do I/O unseen",
  'import { load } from "../config/mod.ts"; load();':
    "policy/ may import only types from src/config/mod.ts: write `import type`",
  'import { type A, load } from "../config/mod.ts"; load();':
    "policy/ may import only types from src/config/mod.ts: write `import type`",
  'import "../log.ts";': "policy/ may import only types from src/log.ts: write `import type`",
};

const PURE: readonly string[] = [
  'import type { Rules } from "../config/mod.ts"; export type R = Rules;',
  'import { type Rules } from "../config/mod.ts"; export type R = Rules;',
  'export type R = import("../config/mod.ts").Rules;',
  'import { CallerError } from "../errors.ts"; throw new CallerError("TIMEOUT", "x");',
  'import { match } from "./match.ts"; match();',
  'import { compilePattern } from "../wildcards/mod.ts"; compilePattern("*");',
  "Math.floor(1.5);",
  "rule.Date; rule?.console; const o = { fetch: 1, Deno() {} }; class C { performance = 1; }",
  "interface Rule { Date: string; fetch(): void }",
];

for (const [source, finding] of Object.entries(IMPURE)) {
  Deno.test(`pure-policy: impure code is reported: ${source}`, () => {
    assert.ok(lintSource("pure-policy", "src/policy/rule.ts", source).includes(finding));
    const inWildcards = lintSource("pure-policy", "src/wildcards/rule.ts", source);
    assert.ok(inWildcards.includes(finding.replace("policy/", "wildcards/")));
    assert.deepEqual(lintSource("pure-policy", "src/gateway/rule.ts", source), []);
  });
}

for (const source of PURE) {
  Deno.test(`pure-policy: pure code is accepted: ${source}`, () => {
    assert.deepEqual(lintSource("pure-policy", "src/policy/rule.ts", source), []);
  });
}
