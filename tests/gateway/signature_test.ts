import assert from "node:assert/strict";
import { signatureOf } from "../../src/gateway/tools/signature.ts";
import { readToolLists } from "../fixtures/tool_lists/mod.ts";

const ELLIPSIS = "\u2026";

/** The expected parameters, the schemas of the properties, and the names of the required properties. */
const propertyCases: readonly [string, Record<string, unknown>, string[]?][] = [
  ["", {}],
  ['query: string, limit?: number = 10, sort?: "asc" | "desc"', {
    query: { type: "string" },
    limit: { type: "integer", default: 10 },
    sort: { type: "string", enum: ["asc", "desc"] },
  }, ["query"]],
  ["a?: string, b: string, c?: string", {
    a: { type: "string" },
    b: { type: "string" },
    c: { type: "string" },
  }, ["b"]],
  ["a?: boolean, b?: null, c?: number, d?: object", {
    a: { type: "boolean" },
    b: { type: "null" },
    c: { type: "number" },
    d: { type: "object" },
  }],
  ["a?: any, b?: any, c?: never, d?: any, e?: any", { a: {}, b: true, c: false, d: null, e: 7 }],
  ['a?: "x", b?: 1, c?: null', { a: { const: "x" }, b: { const: 1 }, c: { const: null } }],
  ['a?: "x" | 2 | null | true', { a: { enum: ["x", 2, null, true] } }],
  ["a?: string | null, b?: string | null, c?: string | null", {
    a: { type: ["string", "null"] },
    b: { type: "string", nullable: true },
    c: { anyOf: [{ type: "string" }, { type: "null" }] },
  }],
  ["a?: string[], b?: any[], c?: (string | number)[], d?: number[][]", {
    a: { type: "array", items: { type: "string" } },
    b: { type: "array" },
    c: { type: "array", items: { oneOf: [{ type: "string" }, { type: "integer" }] } },
    d: { items: { items: { type: "number" } } },
  }],
  ["a?: [string, number], b?: [string]", {
    a: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] },
    b: { type: "array", items: [{ type: "string" }] },
  }],
  ["a?: {b: string, c?: {d?: number}[]}", {
    a: {
      type: "object",
      properties: {
        b: { type: "string" },
        c: { type: "array", items: { properties: { d: { type: "integer" } } } },
      },
      required: ["b"],
    },
  }],
  ["a?: {[key: string]: number}, b?: {x?: string, [key: string]: string}, c?: {}", {
    a: { type: "object", additionalProperties: { type: "number" } },
    b: { properties: { x: { type: "string" } }, patternProperties: { "^y": { type: "string" } } },
    c: { type: "object", additionalProperties: false },
  }],
  ["a?: {x: string, y: number}, b?: string", {
    a: {
      allOf: [
        { type: "object", properties: { x: { type: "string" } }, required: ["x"] },
        { properties: { y: { type: "number" } }, required: ["y"] },
      ],
    },
    b: { allOf: [{ type: "string" }] },
  }],
  ["a?: ({t?: string} & ({x?: number} | {y?: number})), b?: {t?: string}", {
    a: {
      type: "object",
      properties: { t: { type: "string" } },
      anyOf: [{ properties: { x: { type: "number" } } }, { properties: { y: { type: "number" } } }],
    },
    b: {
      type: "object",
      properties: { t: { type: "string" } },
      anyOf: [{ required: ["t"] }, { required: ["u"] }],
    },
  }],
  ['"content-type"?: string, "1st"?: string, $ok_2?: string, "a\\"b"?: string, "\\n"?: string', {
    "content-type": { type: "string" },
    "1st": { type: "string" },
    $ok_2: { type: "string" },
    'a"b': { type: "string" },
    "\n": { type: "string" },
  }],
  ['a?: string = "x\\ny", b?: number[] = [1, 2], c?: object = {k: null}, d?: boolean = false', {
    a: { type: "string", default: "x\ny" },
    b: { type: "array", items: { type: "number" }, default: [1, 2] },
    c: { type: "object", default: { k: null } },
    d: { type: "boolean", default: false },
  }],
  ["constructor?: string, toString: string", {
    constructor: { type: "string" },
    toString: { type: "string" },
  }, ["toString"]],
];

for (const [parameters, properties, required] of propertyCases) {
  Deno.test(`[tools.signature-of-schema] properties become f(${parameters})`, () => {
    const inputSchema = { type: "object", properties, required };
    assert.equal(signatureOf({ name: "f", inputSchema }), `f(${parameters})`);
  });
}

/** The expected parameters and the input schema. */
const schemaCases: readonly [string, unknown][] = [
  [ELLIPSIS, undefined],
  [ELLIPSIS, null],
  [ELLIPSIS, true],
  [ELLIPSIS, []],
  [ELLIPSIS, {}],
  [ELLIPSIS, { type: "object", additionalProperties: true }],
  [ELLIPSIS, { $ref: "#/$defs/Nowhere" }],
  [ELLIPSIS, { $ref: "https://example.com/schema" }],
  ["", { type: "object" }],
  ["string", { type: "string" }],
  ["a?: any", { type: "object", properties: { a: { $ref: "#/$defs/__proto__" } } }],
  ["[key: string]: string", { type: "object", additionalProperties: { type: "string" } }],
  ["{a: string} | {b: number}", {
    type: "object",
    anyOf: [
      { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
      { type: "object", properties: { b: { type: "number" } }, required: ["b"] },
    ],
  }],
  ["a?: string, b?: number = 3, c?: {x?: boolean}", {
    type: "object",
    properties: {
      a: { $ref: "#/$defs/A" },
      b: { $ref: "#/definitions/n~1B", default: 3 },
      c: { $ref: "#/$defs/C%20D" },
    },
    $defs: {
      A: { type: "string" },
      "C D": { type: "object", properties: { x: { type: "boolean" } } },
    },
    definitions: { "n/B": { type: "integer" } },
  }],
  [`tree?: {value: string, children?: {${ELLIPSIS}}[]}`, {
    type: "object",
    properties: { tree: { $ref: "#/$defs/Node" } },
    $defs: {
      Node: {
        type: "object",
        properties: {
          value: { type: "string" },
          children: { type: "array", items: { $ref: "#/$defs/Node" } },
        },
        required: ["value"],
      },
    },
  }],
];

for (const [parameters, inputSchema] of schemaCases) {
  Deno.test(`[tools.signature-of-schema] the schema ${JSON.stringify(inputSchema)} becomes f(${parameters})`, () => {
    assert.equal(signatureOf({ name: "f", inputSchema }), `f(${parameters})`);
  });
}

Deno.test("[tools.signature-of-schema] a schema too long or too deep is cut, but its required properties are shown", () => {
  const properties = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`property_${i}`, { type: "string" }]),
  );
  const wideSignature = signatureOf({
    name: "f",
    inputSchema: { type: "object", properties, required: ["property_9999"] },
  });
  assert.match(wideSignature, /^f\(property_0\?: string, .*, property_9999: string, \u2026\)$/);
  assert.ok(wideSignature.length < 2_000);

  let deepSchema: unknown = { type: "string" };
  for (let i = 0; i < 100; i++) deepSchema = { type: "object", properties: { next: deepSchema } };
  const deepSignature = signatureOf({ name: "f", inputSchema: deepSchema });
  assert.match(deepSignature, /^f\(next\?: \{next\?: \{.*\{\u2026\}\}.*\)$/);
  assert.ok(deepSignature.length < 200);

  const values = Array.from({ length: 10_000 }, (_, i) => `value_${i}`);
  const inputSchema = { type: "object", properties: { v: { enum: values } } };
  assert.match(
    signatureOf({ name: "f", inputSchema }),
    /^f\(v\?: "value_0" \| "value_1" .{100,400} \| \u2026\)$/,
  );
});

Deno.test("[tools.signature-of-schema] a hidden or line-breaking character is escaped", () => {
  const name = "a\n\u2028\u202e\u0007\ud800b";
  const properties = { [name]: { const: name } };
  const [bare, quoted] = ["a\\n\\u2028\\u202e\\x07\\ud800b", "a\\n\\u2028\\u202e\\u0007\\ud800b"];
  assert.equal(
    signatureOf({ name, inputSchema: { type: "object", properties } }),
    `${bare}("${quoted}"?: "${quoted}")`,
  );
});

Deno.test("[tools.signature-of-schema] signatures of the tools of public servers show every required parameter", () => {
  let requiredCount = 0;
  for (const { tools } of readToolLists()) {
    for (const tool of tools) {
      const signature = signatureOf(tool);
      for (const name of (tool.inputSchema as { required?: string[] }).required ?? []) {
        assert.match(signature, new RegExp(`[(,] ?${RegExp.escape(name)}: `));
        requiredCount++;
      }
    }
  }
  assert.ok(requiredCount > 200);
});
