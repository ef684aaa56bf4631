import assert from "node:assert/strict";
import fc from "fast-check";
import type { Tool } from "../../src/downstream/mod.ts";
import { Declarations } from "../../src/gateway/tools/declarations.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { cpuMs } from "../cpu_time.ts";
import { checkTypes } from "./deno_check.ts";

function numbered(length: number, part: (index: number) => unknown): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length }, (_, index) => [`p${index}`, part(index)]));
}

function nest(depth: number, wrap: (part: unknown) => unknown): unknown {
  let schema: unknown = { type: "string" };
  for (let i = 0; i < depth; i += 1) schema = wrap(schema);
  return schema;
}

const ref = (name: string) => ({ $ref: `#/$defs/${name}` });
/** A text that would end any text around it, and declare something. */
const ESCAPE =
  "*/ '\"`}]>);\n\r\u2028\u2029 declare const ESCAPED: 1 //\\ \u202e\0\ud800 ${1} <!--";

const SCHEMAS: Readonly<Record<string, () => unknown>> = {
  "a reference to itself": () => ({ $ref: "#" }),
  "types that consist of each other": () => ({
    type: "object",
    properties: { a: ref("A"), b: ref("B"), x: ref("X"), y: ref("Y") },
    $defs: {
      A: { anyOf: [ref("B"), { type: "object", properties: { a: ref("A") } }] },
      B: { anyOf: [ref("A"), { type: "array", items: ref("B") }] },
      X: { anyOf: [{ type: "object", properties: { y: ref("Y"), x: ref("X") } }, ref("Y")] },
      Y: { anyOf: [ref("X"), { type: "array", items: ref("X") }] },
    },
  }),
  "references that double at each step": () => ({
    properties: { a: ref("p0"), b: ref("p1") },
    $defs: numbered(60, (index) => {
      const next = ref(`p${index + 1}`);
      const object = { type: "object", properties: { [`q${index}`]: { type: "string" } } };
      return { anyOf: [{ ...object, anyOf: [next] }, { ...object, oneOf: [next, object] }, next] };
    }),
  }),
  "unions of 20 objects, 20 times intersected": () => ({
    type: "object",
    properties: {
      a: nest(20, (part) => ({
        type: ["object", "string", "array"],
        properties: { a: { type: "string" } },
        anyOf: [part, ...Object.values(numbered(19, (index) => ({ const: `v${index}` })))],
      })),
      b: {
        allOf: Object.values(
          numbered(20, () => ({ anyOf: [{ type: "string" }, { type: "object" }] })),
        ),
      },
    },
  }),
  "100,000 nested arrays": () => nest(100_000, (items) => ({ type: "array", items })),
  "20 nested objects of 50 properties": () =>
    nest(20, (part) => ({ type: "object", properties: numbered(50, () => part) })),
  "10,000 properties": () => ({
    type: "object",
    properties: numbered(10_000, () => ({ type: "string", description: "What it does." })),
    required: ["p9999"],
  }),
  "1,000 properties that each refer to 10,000": () => ({
    properties: numbered(1_000, () => ref("A")),
    $defs: { A: { properties: numbered(10_000, () => ({})) } },
  }),
  "100 referred types of the same name": () => ({
    properties: numbered(100, (index) => ({ items: { $ref: `#/$defs/p${index}/Same` } })),
    $defs: numbered(100, (index) => ({
      Same: {
        properties: { [`a${index}`]: { type: "string" }, s: { $ref: `#/$defs/p${index}/Same` } },
      },
    })),
  }),
  "enums of 100,000 values": () => ({
    type: "object",
    properties: {
      a: { type: "string", enum: Object.keys(numbered(100_000, () => 1)) },
      b: { enum: Object.keys(numbered(100_000, () => 1)).map(Number) },
      c: { enum: [1e400, -0, 1e21, -1.5, "x".repeat(100_000), { a: 1 }, [1], ESCAPE] },
    },
  }),
  "texts that try to end what is around them": () => ({
    type: "object",
    description: ESCAPE,
    properties: {
      [ESCAPE]: { const: ESCAPE, description: ESCAPE, format: ESCAPE, default: ESCAPE },
      a: { $ref: `#/$defs/${ESCAPE}` },
      b: { $ref: `#/$defs/${ESCAPE}` },
    },
    required: [ESCAPE],
    $defs: { [ESCAPE]: { properties: { [ESCAPE]: { enum: [ESCAPE] } } } },
  }),
  "names with a meaning": () =>
    JSON.parse(
      `{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"$ref":"#/$defs/Promise"},` +
        `"new":{"$ref":"#/$defs/Record"},"get":{"$ref":"#/$defs/string"},"set":{"$ref":"#/$defs/any"},"1":{},"":{},` +
        `"readonly":{"$ref":"#/$defs/__proto__"},"async":{},"static":{},"public":{},"typeof":{},"is":{},"в":{},` +
        `"other":{"$ref":"#/$defs/Promise"},"more":{"$ref":"#/$defs/Record"},"less":{"$ref":"#/$defs/string"},` +
        `"z":{"$ref":"#/$defs/any"},"q":{"$ref":"#/$defs/__proto__"}},"required":["__proto__","toString"],` +
        `"$defs":{"Promise":{"enum":["a","b","c","d","e","f","g"]},"Record":{"enum":["a","b","c","d","e","f","h"]},` +
        `"string":{"enum":["a","b","c","d","e","f","i"]},"any":{"enum":["a","b","c","d","e","f","j"]},` +
        `"__proto__":{"enum":["a","b","c","d","e","f","k"]}}}`,
    ),
  "a property name of one megabyte": () => ({ properties: { ["a".repeat(1_000_000)]: {} } }),
  "keywords of wrong types": () => ({
    type: { a: 1 },
    properties: {
      a: { type: [1, "x", null], enum: "abc", const: undefined },
      b: { anyOf: 3, $ref: 7 },
    },
    required: "a",
    allOf: [null, 1, "x"],
    items: 5,
  }),
};

const NAMES = ["f", "new", "constructor", "__proto__", "get", "x-y", "", "1", ESCAPE];

function toolOf(name: string, schema: unknown): Tool {
  const definition = { name, description: ESCAPE, inputSchema: schema, outputSchema: schema };
  // The text is only measured; some schemas are too deep to be written.
  return { name, definition, text: new JsonText("{}") } as unknown as Tool;
}

/** Declares tools, and checks that nothing but the types and `tools` is declared. */
function programOf(tools: readonly Tool[]): string {
  const declarations = new Declarations();
  for (const server of ["s", ESCAPE]) {
    for (const tool of tools) declarations.add({ server, tool });
  }
  const text = declarations.text();
  assert.match(text, /^[^\p{Cs}\p{Cf}\u2028\u2029\0\r\t]*$/u);
  return `${text}\n// @ts-expect-error\nESCAPED;\ntools;`;
}

const keywords = "type properties required items prefixItems anyOf oneOf allOf $ref enum const " +
  "default additionalProperties patternProperties nullable $defs description format";
const { schema: anySchema } = fc.letrec((tie) => ({
  schema: fc.oneof(
    { depthSize: "medium" },
    fc.constantFrom("string", "object", "array", "#", "#/$defs/a", "#/properties/a", ESCAPE),
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie("schema"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...keywords.split(" ")), tie("schema"), { maxKeys: 5 }),
    fc.dictionary(fc.constantFrom("a", "b", "c-d", "__proto__"), tie("schema"), { maxKeys: 3 }),
  ),
}));
const plausibleSchema = fc.letrec((tie) => ({
  schema: fc.oneof(
    { depthSize: "medium" },
    fc.record({ type: fc.constantFrom("string", "integer", "null", ["object", "array"]) }),
    fc.record({
      $ref: fc.constantFrom("#", "#/$defs/a", "#/$defs/b", "#/$defs/a-b", "#/$defs/a_b"),
    }),
    fc.record({ type: fc.constant("array"), items: tie("schema") }),
    fc.record({
      type: fc.constant("object"),
      properties: fc.dictionary(fc.constantFrom("a", "b", "c-d"), tie("schema"), { maxKeys: 3 }),
      additionalProperties: fc.oneof(fc.boolean(), tie("schema")),
    }, { requiredKeys: [] }),
    fc.record({ anyOf: fc.array(tie("schema"), { maxLength: 3 }), type: fc.constant("object") }, {
      requiredKeys: ["anyOf"],
    }),
    fc.record({ allOf: fc.array(tie("schema"), { maxLength: 3 }) }),
  ),
})).schema;
const schemaWithDefinitions = fc.record({
  part: plausibleSchema,
  $defs: fc.dictionary(fc.constantFrom("a", "b", "a-b", "a_b"), plausibleSchema),
}).map(({ part, $defs }) => ({
  type: "object",
  properties: { part, again: { items: part } },
  $defs,
}));

Deno.test("[types.hostile] hostile schemas and names become valid types of bounded length in bounded time", async (t) => {
  const programs: string[] = [];
  for (const [description, createSchema] of Object.entries(SCHEMAS)) {
    await t.step(description, () => {
      const schema = createSchema();
      const startMs = cpuMs();
      const program = programOf([toolOf("f", schema)]);
      const ms = cpuMs() - startMs;
      assert.ok(ms < 150, `${ms} ms`);
      assert.ok(program.length < 150_000, `${program.length} characters`);
      programs.push(program);
    });
  }
  programs.push(programOf(NAMES.map((name) => toolOf(name, { properties: { a: { const: 1 } } }))));
  const schemas = fc.sample(fc.oneof(anySchema, schemaWithDefinitions), 400);
  programs.push(programOf(schemas.map((schema, index) => toolOf(`f${index}`, schema))));
  await t.step("all are valid", async () => {
    const errors = await checkTypes(programs);
    assert.equal(errors.slice(0, 5_000), "");
  });
});
