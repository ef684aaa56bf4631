import assert from "node:assert/strict";
import { readJson } from "../../src/exact_json.ts";
import { compilePolicy } from "../../src/policy/mod.ts";
import { readServerArguments } from "../../src/gateway/tools/mod.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import type { ArgumentTest } from "../../src/tool_entry.ts";
import { cpuMs } from "../cpu_time.ts";

const MIB = 1024 * 1024;

/** Maximum time for arguments that are as long as a message can be, in milliseconds; the worst took seconds. */
const MAX_MS = 1000;

function repeat(part: string, length: number): string {
  return part.repeat(Math.ceil(length / part.length));
}

/** Arguments that `JSON.parse` reads fast. */
const longArguments: Readonly<Record<string, string>> = {
  blanks: `{"\\u0061":1${" ".repeat(58 * MIB)}}`,
  "a long number": `{"\\u0061":1,"b":${"1".repeat(58 * MIB)}}`,
  "long numbers": `{"\\u0061":1,"b":[${repeat(`${"1".repeat(300)},`, 54 * MIB)}0]}`,
  "short numbers": `{"\\u0061":1,"b":[${repeat("0,", 3 * MIB)}0]}`,
  objects: `{"\\u0061":1,"b":[${repeat("{},", MIB)}0]}`,
  "escaped quotes": `{"a":"${repeat('\\"', 12 * MIB)}"}`,
  "texts of digits": `{"a":"${repeat("123456789012345,", 57 * MIB)}"}`,
  "texts of points": `{"a":"${repeat("1.1.1.1.1.1.1.,", 57 * MIB)}"}`,
};

for (const [name, json] of Object.entries(longArguments)) {
  Deno.test(`[rules.conditions-cost] a call with ${name} is read and judged in a short time`, () => {
    const value: unknown = JSON.parse(json);
    const startMs = cpuMs();
    try {
      readServerArguments("tool", { value, text: new JsonText(json) });
    } catch (error) {
      assert.match(String(error), /too long, or holds too many values, for keys with escapes/);
    }
    const { decide } = compilePolicy({
      denyOverrides: false,
      agents: new Map([["a", {
        allow: {
          servers: ["s"],
          tools: new Map([["s", [{ tool: "t", when: new Map([["a", { like: ["x*"] }]]) }]]]),
        },
      }]]),
    });
    const args = () => ({ json, value });
    const { effect } = decide("a", { kind: "tool", server: "s", tool: "t", args });
    const durationMs = cpuMs() - startMs;
    assert.equal(effect, "deny");
    assert.ok(durationMs < MAX_MS, `${durationMs} ms`);
  });
}

Deno.test("[rules.conditions-cost] arguments that are too long or hold too many values are not read exactly", () => {
  assert.notEqual(readJson(`[${repeat("0,", 190_000)}0]`), undefined);
  assert.equal(readJson(`[${repeat("0,", 210_000)}0]`), undefined);
  assert.notEqual(readJson(`"${"a".repeat(4 * MIB - 2)}"`), undefined);
  assert.equal(readJson(`"${"a".repeat(4 * MIB)}"`), undefined);
});

/** Values that take long to judge, and the test that judges them. */
const longJudgments: Readonly<Record<string, { readonly test: ArgumentTest; value: unknown[] }>> = {
  "texts in any case": {
    test: { ilike: ["*zzz*"] },
    value: list(15, (index) => "é".repeat(256 * 1024 - index)),
  },
  texts: { test: { like: ["*a?b?c*?x?y*"] }, value: list(15, () => "ab".repeat(128 * 1024)) },
  paths: {
    test: { within: ["/srv/notes"] },
    value: list(100, (index) => "/a".repeat(16_000) + index),
  },
  "paths of Windows": {
    test: { within: ["C:\\srv"] },
    value: list(100, (index) => `C:/${"É/".repeat(16_000)}${index}`),
  },
  "names of dots": {
    test: { within: ["C:\\srv"] },
    value: list(100, (index) => `C:/${".".repeat(32_000)}${index}`),
  },
  hosts: {
    test: { host: ["example.com"] },
    value: list(60, (index) => `http://${"a.".repeat(30_000)}b${index}/`),
  },
  "hosts before backslashes": {
    test: { host: ["example.com"] },
    value: list(60, (index) => `http://a?${"\\".repeat(64_000)}${index}`),
  },
  objects: {
    test: { oneOf: list(1000, (index) => ({ a: index, b: [1, 2, 3] })) },
    value: list(10_000, (index) => ({ a: index, b: [1, 2, 4] })),
  },
};

function list<T>(length: number, create: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => create(index));
}

for (const [name, { test, value }] of Object.entries(longJudgments)) {
  Deno.test(`[rules.conditions-cost] many entries judge ${name} in a short time, and fail closed`, () => {
    const entry = { tool: "t*", when: new Map([["a", test]]) };
    const { decide } = compilePolicy({
      denyOverrides: false,
      agents: new Map([["a", {
        allow: { servers: ["s"] },
        deny: { servers: [], tools: new Map([["s", Array(20).fill(entry)]]) },
      }]]),
    });
    const args = { json: JSON.stringify({ a: value }), value: { a: value } };
    const startMs = cpuMs();
    const { effect, conditions } = decide("a", {
      kind: "tool",
      server: "s",
      tool: "t",
      args: () => args,
    });
    const [{ requirement = "" } = {}] = conditions ?? [];
    const durationMs = cpuMs() - startMs;
    assert.equal(effect, "deny");
    assert.match(requirement, /there is too much to judge/);
    assert.ok(durationMs < MAX_MS, `${durationMs} ms`);
  });
}

/** Numbers that `JSON.parse` reads fast. */
const longNumbers: Readonly<Record<string, string>> = {
  "a long number": `0.${"0".repeat(3_900_000)}1`,
  "a list of numbers": `[${list(4000, () => `1${"0".repeat(300)}.${"1".repeat(650)}`)}]`,
};

for (const [name, json] of Object.entries(longNumbers)) {
  Deno.test(`[rules.conditions-cost] ${name} is compared with many values in a short time, and fails closed`, () => {
    const oneOf = list(100, (index) => index);
    const { decide } = compilePolicy({
      denyOverrides: false,
      agents: new Map([["a", {
        allow: {
          servers: ["s"],
          tools: new Map([["s", [{ tool: "t", when: new Map([["a", { oneOf }]]) }]]]),
        },
      }]]),
    });
    const args = () => ({ json: `{"a":${json}}`, value: {} });
    const startMs = cpuMs();
    const { effect } = decide("a", { kind: "tool", server: "s", tool: "t", args });
    const durationMs = cpuMs() - startMs;
    assert.equal(effect, "deny");
    assert.ok(durationMs < MAX_MS, `${durationMs} ms`);
  });
}
