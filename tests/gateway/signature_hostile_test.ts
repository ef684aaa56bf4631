import assert from "node:assert/strict";
import fc from "fast-check";
import { signatureOf } from "../../src/gateway/tools/signature.ts";
import { cpuMs } from "../cpu_time.ts";

const manyNames = Array.from({ length: 28_000 }, (_, index) => `p${index}`);
const manyKeys = Object.fromEntries(manyNames.map((name) => [name, 1]));

/** Creates a schema that refers to a part 8,000 times, through two definitions. */
function referTo(part: unknown, keyword: "allOf" | "anyOf"): unknown {
  const refer = (name: string) => ({ [keyword]: Array(20).fill({ $ref: `#/$defs/${name}` }) });
  const $defs = { x: part, y: refer("x"), z: refer("y") };
  return { type: "object", properties: { a: refer("z") }, $defs, ...refer("z") };
}

const hostileSchemas: Readonly<Record<string, () => unknown>> = {
  "a reference to itself": () => ({ $ref: "#" }),
  "circular references": () => ({
    $ref: "#/$defs/A",
    $defs: { A: { $ref: "#/$defs/B" }, B: { anyOf: [{ $ref: "#/$defs/A" }, { $ref: "#" }] } },
  }),
  "a schema that consists of itself": () => ({
    allOf: [{ $ref: "#" }, { $ref: "#" }],
    properties: { a: true },
  }),
  "references that double at each step": () => {
    const $defs: Record<string, unknown> = {};
    for (let i = 0; i < 60; i++) {
      const next = { $ref: `#/$defs/D${i + 1}` };
      $defs[`D${i}`] = { anyOf: [next, { type: "array", items: next }], allOf: [next, next] };
    }
    return { type: "object", properties: { a: { $ref: "#/$defs/D0" } }, $defs };
  },
  "100,000 nested arrays": () => {
    let schema: unknown = {};
    for (let i = 0; i < 100_000; i++) schema = { type: "array", items: schema };
    return schema;
  },
  "a default of 100,000 nested objects": () => {
    let value: unknown = {};
    for (let i = 0; i < 100_000; i++) value = { a: value };
    return { type: "object", properties: { a: { default: value } } };
  },
  "10,000 alternatives with 1,000 properties each": () => {
    const properties = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`p${i}`, {}]));
    const member = { type: "object", properties };
    return { anyOf: Array(10_000).fill(member), allOf: Array(10_000).fill(member) };
  },
  "1,000 properties that each refer to a schema with 10,000 properties": () => {
    const properties = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`p${i}`, {}]));
    const a = { $ref: "#/$defs/A" };
    return {
      properties: Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`q${i}`, a])),
      $defs: { A: { properties } },
    };
  },
  "a property name of one megabyte": () => ({
    properties: { ["a".repeat(1_000_000)]: { type: "string" } },
  }),
  "8,000 references to 28,000 required names": () => referTo({ required: manyNames }, "allOf"),
  "8,000 references to 28,000 properties": () => referTo({ properties: manyKeys }, "allOf"),
  "8,000 references to 28,000 patterns": () => referTo({ patternProperties: manyKeys }, "allOf"),
  "8,000 references to 28,000 keywords": () =>
    referTo({ type: "object", additionalProperties: manyKeys }, "anyOf"),
  "8,000 references to a constant of 28,000 members": () => referTo({ const: manyKeys }, "anyOf"),
  "8,000 references to 20 long texts": () =>
    referTo(
      { enum: Array.from({ length: 20 }, (_, index) => "\u2028".repeat(60) + index) },
      "anyOf",
    ),
  "8,000 times a reference of 200,000 characters": () =>
    referTo({ $ref: `#/${"%41".repeat(67_000)}` }, "anyOf"),
  "keywords of wrong types": () => ({
    type: { a: 1 },
    properties: [1],
    required: "a",
    anyOf: 3,
    allOf: [null, 1, "x"],
    enum: "abc",
    items: 5,
    $ref: 7,
  }),
};

for (const [description, createSchema] of Object.entries(hostileSchemas)) {
  Deno.test(`[tools.signature-of-schema] the signature of a hostile schema (${description}) takes bounded time and is short`, () => {
    const tool = { name: "f", inputSchema: createSchema() };
    const runs = Array.from({ length: 3 }, () => {
      const startMs = cpuMs();
      const signature = signatureOf(tool);
      return { signature, ms: cpuMs() - startMs };
    });
    // The fastest run, because the collection of garbage may fall into one of them.
    assert.ok(Math.min(...runs.map(({ ms }) => ms)) < 100);
    const [{ signature } = assert.fail()] = runs;
    assert.match(signature, /^f\(.*\)$/);
    assert.ok(signature.length < 5_000);
  });
}

const anyKeyword = fc.constantFrom(
  ..."type properties required items prefixItems anyOf oneOf allOf $ref enum const default".split(
    " ",
  ),
  ..."additionalProperties patternProperties nullable $defs".split(" "),
);
const { schema: anySchema } = fc.letrec((tie) => ({
  schema: fc.oneof(
    { depthSize: "medium" },
    fc.constantFrom("string", "object", "array", "#", "#/$defs/a", "#/properties/a"),
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie("schema"), { maxLength: 4 }),
    fc.dictionary(anyKeyword, tie("schema"), { maxKeys: 5 }),
    fc.dictionary(fc.constantFrom("a", "b", "c-d", "__proto__"), tie("schema"), { maxKeys: 3 }),
  ),
}));

Deno.test("[tools.signature-of-schema] any tool, valid or not, gets one line of bounded length", () => {
  const anyTool = fc.record({
    name: fc.oneof(fc.string({ unit: "binary" }), fc.anything()),
    inputSchema: fc.oneof(anySchema, fc.anything()),
  });
  fc.assert(
    fc.property(anyTool, (tool) => {
      const signature = signatureOf(tool);
      assert.match(signature, /^[^\p{Cc}\p{Cs}\u2028\u2029]*\(.*\)$/u);
      assert.ok(signature.length < 10_000);
    }),
    { numRuns: 2_000 },
  );
});
