import assert from "node:assert/strict";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import type { Tool } from "../../src/downstream/mod.ts";
import { Declarations, writeDeclaration } from "../../src/gateway/tools/declarations.ts";
import type { FoundTool } from "../../src/gateway/tools/finding/mod.ts";
import { fieldsOf } from "../../src/json.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { readCompleteToolLists } from "../fixtures/tool_lists/mod.ts";
import { checkTypes } from "./deno_check.ts";
import { exampleOf } from "./example_of_schema.ts";

function toolOf(definition: Tool["definition"]): Tool {
  return {
    name: String(definition.name),
    definition,
    text: new JsonText(JSON.stringify(definition)),
  };
}

const SERVERS = readCompleteToolLists().map(({ server, tools }) => ({
  server,
  tools: tools.map((definition) => toolOf(definition as Tool["definition"])),
}));
const ALL: readonly FoundTool[] = SERVERS.flatMap(({ server, tools }) =>
  tools.map((tool) => ({ server, tool }))
);

function declare(tools: readonly FoundTool[]): string {
  const declarations = new Declarations();
  for (const tool of tools) declarations.add(tool);
  return declarations.text();
}

/** Declares one tool with an input schema. */
function declareInput(inputSchema: unknown): string {
  return writeDeclaration(toolOf({ name: "f", inputSchema } as Tool["definition"]));
}

/** Writes calls of a tool that must be right, and calls that must be errors. */
function writeCalls({ server, tool: { name, definition } }: FoundTool): string {
  const { inputSchema, outputSchema } = fieldsOf(definition);
  const method = `tools[${JSON.stringify(server)}][${JSON.stringify(name)}]`;
  const call = (args: unknown): string => `() => ${method}(${JSON.stringify(args)}),`;
  const { properties, required } = fieldsOf(inputSchema);
  const hasParameters = Object.keys(fieldsOf(properties)).length > 0;
  const isRequired = Array.isArray(required) && required.length > 0;
  const [result] = Object.keys(fieldsOf(fieldsOf(outputSchema)["properties"]));
  return [
    ...(hasParameters ? [true, false] : []).map((withOptional) =>
      call(exampleOf(inputSchema, { withOptional }))
    ),
    isRequired ? "" : `() => ${method}(),`,
    isRequired ? `// @ts-expect-error\n${call({})}` : "",
    `// @ts-expect-error\n${call(7)}`,
    result === undefined
      ? ""
      : `async () => (await ${method}(${hasParameters ? "{} as never" : ""}))[${
        JSON.stringify(result)
      }],`,
  ].join("\n");
}

Deno.test("[types.real-tools] the declarations of all tools of 14 real servers are valid, and accept a call of each with its required and with all parameters, but no wrong call", async () => {
  assert.equal(ALL.length, 234);
  // The last line is an error, so that the check cannot pass by checking nothing.
  const program =
    `${declare(ALL)}\nexport const calls = [\n${ALL.map(writeCalls).join("\n")}\n];\n` +
    "tools.github.no_such_tool();";
  const errors = await checkTypes([program]);
  assert.equal(errors.split("[ERROR]").length, 2, errors);
  assert.match(errors, /'no_such_tool' does not exist/);
});

Deno.test("[types.tokens] the declarations take at least 40 % fewer tokens than the full definitions of each server, and 65 % fewer in all", () => {
  let totalFull = 0;
  let totalDeclared = 0;
  for (const { server, tools } of SERVERS) {
    const full = countTokens(`[${tools.map(({ text }) => text.json).join(",")}]`);
    const text = declare(tools.map((tool) => ({ server, tool })));
    const declared = countTokens(JSON.stringify(text));
    assert.ok(declared <= 0.6 * full, `${server}: ${declared} of ${full}`);
    totalFull += full;
    totalDeclared += declared;
  }
  assert.ok(totalDeclared <= 0.35 * totalFull, `${totalDeclared} of ${totalFull}`);
});

Deno.test("[types.descriptions] a declaration has the description of the tool and those of its parameters, with format and default", () => {
  const tool = toolOf(
    {
      name: "search",
      description: "Finds pages.\n\n  It is */ fast.",
      inputSchema: {
        type: "object",
        properties: {
          query: { type: "string", description: "Words. All of them are required." },
          since: { type: "string", format: "date" },
          limit: { type: "integer", default: 10 },
          order: { enum: ["new", "it's old"], default: "new" },
        },
        required: ["query"],
      },
      outputSchema: { type: "object", properties: { urls: { items: { type: "string" } } } },
    } as Tool["definition"],
  );
  assert.equal(
    declare([{ server: "my-web", tool }, { server: "b", tool: toolOf({ name: "x-y" }) }]),
    "declare const tools: {\n" +
      "'my-web': {\n/** Finds pages. It is *\\/ fast. */\n" +
      "search(args: {/** Words. */ query: string, /** date */ since?: string, " +
      "/** default 10 */ limit?: number, /** default 'new' */ order?: 'new' | 'it\\'s old'})" +
      ": Promise<{urls?: string[]}>\n}\n" +
      "b: {\n'x-y'(args?: any): Promise<any>\n}\n}",
  );
});

Deno.test("[types.schemas] schemas become the types that they describe", () => {
  const properties = (types: Readonly<Record<string, unknown>>): unknown => ({
    type: "object",
    properties: types,
    required: Object.keys(types),
  });
  const types: readonly (readonly [schema: unknown, type: string])[] = [
    [{ type: ["string", "null"] }, "string | null"],
    [{ type: "integer", nullable: true }, "number | null"],
    [{ const: -1 }, "-1"],
    [{ enum: ["a", 1, true, null] }, "'a' | 1 | true | null"],
    [
      { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
      "string | string[]",
    ],
    [{ type: "array", items: { enum: ["a", "b"] } }, "('a' | 'b')[]"],
    [{ type: "array" }, "any[]"],
    [{ prefixItems: [{ type: "string" }, { type: "number" }] }, "[string, number]"],
    [{ type: "object" }, "Record<string, any>"],
    [{ additionalProperties: { type: "number" } }, "{[key: string]: number}"],
    [
      { properties: { a: { type: "string" } }, additionalProperties: true },
      "{a?: string, [key: string]: any}",
    ],
    [
      { allOf: [{ properties: { a: {} } }, { properties: { "b-c": {} } }] },
      "{a?: any, 'b-c'?: any}",
    ],
    [{
      ...properties({ a: { type: "string" } }) as object,
      oneOf: [properties({ b: { const: 1 } }), properties({ c: { const: 2 } })],
    }, "({a: string} & ({b: 1} | {c: 2}))"],
    [{ type: "object", properties: { new: false } }, "{'new'?: never}"],
    [true, "any"],
    [{ $ref: "#/missing" }, "any"],
    [{ $ref: "https://example.com/schema" }, "any"],
  ];
  for (const [schema, type] of types) {
    assert.equal(declareInput(properties({ p: schema })), `f(args: {p: ${type}}): Promise<any>`);
  }
  assert.equal(declareInput({ type: "object" }), "f(): Promise<any>");
});

Deno.test("[types.references] a type that is referred to again, or by itself, has a name; others are written where they are used", () => {
  const $defs = {
    node: {
      type: "object",
      properties: { name: {}, children: { items: { $ref: "#/$defs/node" } } },
    },
    once: { enum: ["only", "here"] },
  };
  const ref = (name: string) => ({ $ref: `#/$defs/${name}` });
  const recursive = {
    $defs,
    type: "object",
    properties: { a: ref("node"), b: { items: ref("once") } },
  };
  const signature = "f(args?: {a?: Node, b?: ('only' | 'here')[]}): Promise<any>";
  const node = "type Node = {name?: any, children?: Node[]}\n";
  assert.equal(declareInput(recursive), signature + node);

  const other = { ...recursive, $defs: { ...$defs, node: { items: ref("node") } } };
  const text = declare([recursive, recursive, other].map((inputSchema, index) => ({
    server: "s",
    tool: toolOf({ name: `f${index}`, inputSchema } as Tool["definition"]),
  })));
  assert.equal(text.split("type Node = ").length, 2);
  assert.match(text, /^type Node_1 = Node_1\[\]$/m);
  assert.match(text, /^f2\(args\?: \{a\?: Node_1, /m);
});
