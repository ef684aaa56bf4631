import assert from "node:assert/strict";
import type { Tool } from "../../../src/downstream/mod.ts";
import { encodeHeaderValue } from "../../../src/downstream/revisions/v2026/header_values.ts";
import {
  describeHeaderProblem,
  findHeaderProblems,
  mirrorArguments,
} from "../../../src/downstream/revisions/v2026/mirrored_arguments.ts";
import { CallerError } from "../../../src/errors.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";

function toolWith(inputSchema: unknown): Tool {
  const definition = { name: "query", inputSchema };
  return { name: "query", definition, text: new JsonText(JSON.stringify(definition)) };
}

function problemOf(inputSchema: unknown): string | undefined {
  const { definition, text } = toolWith(inputSchema);
  return describeHeaderProblem(definition, text.json);
}

const NAMED = { type: "string", "x-mcp-header": "Region" };

/** Schemas with headers, and the beginning of the problem of each; `undefined` for a valid one. */
const SCHEMAS: readonly (readonly [string, unknown, RegExp | undefined])[] = [
  ["a string", { properties: { a: NAMED } }, undefined],
  ["an integer", { properties: { a: { ...NAMED, type: "integer" } } }, undefined],
  ["a boolean", { properties: { a: { ...NAMED, type: "boolean" } } }, undefined],
  ["a string or null", { properties: { a: { ...NAMED, type: ["string", "null"] } } }, undefined],
  ["a nested property", { properties: { a: { properties: { b: NAMED } } } }, undefined],
  ["a property with the name of the keyword", { properties: { "x-mcp-header": {} } }, undefined],
  ["a value with the name of the keyword", { default: { "x-mcp-header": 7 } }, undefined],
  ["all characters of a token", {
    properties: { a: { type: "string", "x-mcp-header": "!#$%&'*+-.^_`|~09AZaz" } },
  }, undefined],
  [
    "an empty name",
    { properties: { a: { ...NAMED, "x-mcp-header": "" } } },
    /^an "x-mcp-header" that is not/,
  ],
  [
    "a name that is no string",
    { properties: { a: { ...NAMED, "x-mcp-header": 7 } } },
    /that is not/,
  ],
  ["a blank", { properties: { a: { ...NAMED, "x-mcp-header": "My Region" } } }, /that is not/],
  ["a colon", { properties: { a: { ...NAMED, "x-mcp-header": "Region:A" } } }, /that is not/],
  ["a line break", { properties: { a: { ...NAMED, "x-mcp-header": "A\r\nB: c" } } }, /that is not/],
  [
    "a letter that is not ASCII",
    { properties: { a: { ...NAMED, "x-mcp-header": "Région" } } },
    /that is not/,
  ],
  [
    "a long name",
    { properties: { a: { ...NAMED, "x-mcp-header": "x".repeat(200) } } },
    /that is not/,
  ],
  [
    "a number",
    { properties: { a: { ...NAMED, type: "number" } } },
    /not a string, an integer or a boolean$/,
  ],
  ["an object", { properties: { a: { ...NAMED, type: "object" } } }, /not a string, an integer/],
  ["null", { properties: { a: { ...NAMED, type: "null" } } }, /not a string, an integer/],
  ["two types", { properties: { a: { ...NAMED, type: ["string", "integer"] } } }, /not a string/],
  ["no type", { properties: { a: { "x-mcp-header": "Region" } } }, /not a string/],
  ["the root", NAMED, /not an argument$/],
  ["an element", { properties: { a: { type: "array", items: NAMED } } }, /not an argument$/],
  ["a property of an element", {
    properties: { a: { items: { properties: { b: NAMED } } } },
  }, /not an argument$/],
  ["an alternative", { anyOf: [{ properties: { a: NAMED } }] }, /not an argument$/],
  ["a condition", { then: { properties: { a: NAMED } } }, /not an argument$/],
  ["a definition", { $defs: { a: NAMED } }, /not an argument$/],
  ["a pattern", { patternProperties: { "^a": NAMED } }, /not an argument$/],
  ["a name twice", {
    properties: { a: NAMED, b: { ...NAMED, "x-mcp-header": "REGION" } },
  }, /^the "x-mcp-header" "(Region|REGION)" twice$/],
  ["too many headers", {
    properties: Object.fromEntries(
      Array.from({ length: 65 }, (_, index) => [
        `a${index}`,
        { type: "string", "x-mcp-header": `H${index}` },
      ]),
    ),
  }, /^more than 64 headers$/],
];

for (const [kind, schema, expected] of SCHEMAS) {
  Deno.test(`[remote.stateless-arguments] a header is ${expected ? "not " : ""}valid: ${kind}`, () => {
    const problem = problemOf(schema);
    if (expected === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? "", expected);
  });
}

Deno.test("[remote.stateless-arguments] a schema that is nested deeply, or has many properties, is read", () => {
  let schema: unknown = { properties: { a: NAMED } };
  for (let depth = 0; depth < 5000; depth++) schema = { properties: { a: schema } };
  const deep = { name: "query", inputSchema: schema };
  assert.match(describeHeaderProblem(deep, '"x-mcp-header"') ?? "", /not an argument$/);
  const names = Array.from({ length: 9000 }, (_, index) => [`a${index}`, {}]);
  const properties = { ...Object.fromEntries(names), a: NAMED };
  const wide = { name: "query", inputSchema: { properties } };
  assert.equal(describeHeaderProblem(wide, '"x-mcp-header"'), undefined);
});

const TOOL = toolWith({
  properties: {
    region: NAMED,
    count: { type: "integer", "x-mcp-header": "Count" },
    dry: { type: "boolean", "x-mcp-header": "Dry-Run" },
    where: { properties: { city: { type: "string", "x-mcp-header": "City" } } },
    query: { type: "string" },
  },
});

Deno.test("[remote.stateless-arguments] arguments are sent as headers, each as text", () => {
  const args = JSON.stringify({
    region: "us-west1",
    count: -7,
    dry: false,
    where: { city: "Köln" },
    query: "SELECT 1",
  });
  assert.deepEqual(mirrorArguments(TOOL, args), {
    "mcp-param-region": "us-west1",
    "mcp-param-count": "-7",
    "mcp-param-dry-run": "false",
    "mcp-param-city": "=?base64?S8O2bG4=?=",
  });
});

Deno.test("[remote.stateless-arguments] an argument that is missing, null or no single value has no header", () => {
  for (
    const args of ["{}", '{"region":null}', '{"region":["a"]}', '{"region":{}}', '{"where":"city"}']
  ) assert.deepEqual(mirrorArguments(TOOL, args), {}, args);
});

Deno.test("[remote.stateless-arguments] a header has the last of several arguments with one name, as JSON is read", () => {
  assert.deepEqual(mirrorArguments(TOOL, '{"region":"a","reg\\u0069on":"b"}'), {
    "mcp-param-region": "b",
  });
});

Deno.test("[remote.stateless-arguments] an integer that programs read differently is refused", () => {
  assert.deepEqual(mirrorArguments(TOOL, '{"count":9007199254740991}'), {
    "mcp-param-count": "9007199254740991",
  });
  for (const count of ["9007199254740993", "-9007199254740992", "1e300"]) {
    assert.throws(
      () => mirrorArguments(TOOL, `{"count":${count}}`),
      (error) =>
        error instanceof CallerError && error.code === "INVALID_ARGUMENTS" &&
        /^The argument "count" is beyond the integers/.test(error.message),
    );
  }
});

Deno.test("[remote.stateless-arguments] an argument that is too long for a header is refused", () => {
  assert.throws(
    () => mirrorArguments(TOOL, JSON.stringify({ region: "x".repeat(70_000) })),
    /^CallerError: The argument "region" is longer than 65536 characters/,
  );
});

Deno.test("[remote.stateless-arguments] arguments that take long to search are refused", () => {
  const args = JSON.stringify({ query: "x".repeat(16 * 1024 * 1024) });
  assert.throws(() => mirrorArguments(TOOL, args), /^CallerError: The arguments are too long/);
});

Deno.test("[remote.stateless-arguments] values that a header cannot have are encoded", () => {
  for (
    const [value, encoded] of [
      ["us-west1", "us-west1"],
      ["us west 1", "us west 1"],
      ["~!", "~!"],
      ["=?base64?x", "=?base64?x"],
      ["", "=?base64??="],
      [" padded ", "=?base64?IHBhZGRlZCA=?="],
      ["\ttab", "=?base64?CXRhYg==?="],
      ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
      ["a\r\nx-evil: 1", "=?base64?YQ0KeC1ldmlsOiAx?="],
      ["Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
      ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
    ] as const
  ) assert.equal(encodeHeaderValue(value), encoded);
});

Deno.test("[remote.stateless-arguments] large schemas take no long time, and definitions that no list has are not examined", async () => {
  const list = { oneOf: Array.from({ length: 200_000 }, () => ({})) };
  const properties = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, index) => [`k${index}`, {}]),
  );
  for (const many of [list, { properties }, { $defs: properties }]) {
    const problem = problemOf({ properties: { a: NAMED, b: many } });
    assert.equal(problem, "more than 10000 objects in its schema");
  }
  const { definition } = toolWith({ properties: { a: { ...NAMED, type: "object" } } });
  const text = JSON.stringify(definition);
  const definitionTexts = [text, text + " ".repeat(1024 * 1024)];
  const problems = await findHeaderProblems({
    definitions: [definition, definition],
    definitionTexts,
  }, "s");
  assert.match(problems[0] ?? "", /not a string/);
  assert.equal(problems[1], undefined);
});
