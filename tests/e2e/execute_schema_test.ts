import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Fields, readSingleText, startGateway } from "./gateway.ts";

const SCHEMA_SERVER = fileURLToPath(
  new URL("../fixtures/servers/schema_server.ts", import.meta.url),
);
const DENO_FLAGS = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"];

const SCHEMA = {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  properties: {
    path: { type: "string", description: "The file to read" },
    limit: { type: "number" },
    mode: { enum: ["lines", "bytes"] },
  },
  required: ["path"],
  additionalProperties: false,
};

Deno.test("arguments that do not fit a tool's schema", async (t) => {
  const command = Deno.execPath();
  await using gateway = await startGateway({
    servers: { one: { command, args: [...DENO_FLAGS, SCHEMA_SERVER] } },
  });
  /** Counts the requests with a method that the server has received. */
  const countRequests = async (method: string): Promise<number> => {
    const lines = (await gateway.callServerToolForText("one", "received")).split("\n");
    return lines.filter((line) => JSON.parse(line).method === method).length;
  };

  const refusalTitle =
    "[tools.missing-args] a call without a required argument is refused with the schema";
  await t.step(refusalTitle, async () => {
    const callRequests = await countRequests("tools/call");
    const listRequests = await countRequests("tools/list");
    const incompleteArgs = [{}, { limit: "3" }, null, undefined, '{"mode":"lines"}'];
    for (const args of incompleteArgs) {
      const furtherHint = typeof args === "object" && args?.limit
        ? '; "limit" must be of type number'
        : "";
      const call = { server: "one", tool: "takes", args };
      assert.deepEqual(await gateway.expectRefusal("execute_tool", call), {
        code: "INVALID_ARGUMENTS",
        retryable: false,
        message: 'execute_tool: "args" for tool "takes" of server "one" has no "path" (string), ' +
          "which the tool requires. The tool was not called. Add what is missing and call again.",
        hint: `In args, "path" is missing${furtherHint}`,
        inputSchema: SCHEMA,
      });
    }
    assert.equal(gateway.readAuditLog().at(-1)?.code, "INVALID_ARGUMENTS");
    // The tool was not called: both requests are calls of `received` by `countRequests`.
    assert.equal(await countRequests("tools/call"), callRequests + 2);
    // The gateway lists the tools again before each refusal.
    assert.equal(await countRequests("tools/list"), listRequests + incompleteArgs.length);
  });

  await t.step(
    "[tools.uncertain-args] arguments are passed to the server if it may accept them",
    async () => {
      for (
        const args of [
          { path: 5 },
          { path: null },
          { path: "a", limit: "5" },
          { path: "a", mode: "LINES" },
          { path: "a", more: true },
          { file_path: "a" },
        ]
      ) {
        assert.deepEqual(
          JSON.parse(await gateway.callServerToolForText("one", "takes", args)),
          args,
        );
      }
    },
  );

  const hintTitle =
    "[tools.misfit-args] a hint after the tool's error names the arguments that do not fit";
  await t.step(hintTitle, async () => {
    const readAddedHint = async (args: Fields) => {
      const { content } = await gateway.callServerTool("one", "fails", args);
      const [first, second, ...more] = content as { text: string }[];
      assert.deepEqual([first, more], [{ type: "text", text: "no" }, []]);
      const { hint, inputSchema, ...others } = JSON.parse(second?.text ?? "{}");
      assert.deepEqual([inputSchema, others], [SCHEMA, {}]);
      return hint;
    };
    const advice = "If this is the cause, correct args and call again.";
    assert.equal(
      await readAddedHint({ path: 5 }),
      `In args, "path" must be of type string. ${advice}`,
    );
    assert.equal(
      await readAddedHint({ file_path: "a", limit: "5", mode: "all" }),
      'In args, "path" is missing; "file_path" is not an argument; "limit" must be of type number. ' +
        advice,
    );
    assert.equal(
      await readAddedHint({ path: "a", mode: "all" }),
      `In args, "mode" must be one of "lines", "bytes". ${advice}`,
    );
    // The other members of the result are unchanged.
    const lastMessage = gateway.client.receivedMessages.at(-1)?.text ?? "";
    assert.ok(
      lastMessage.includes('{"big":12345678901234567890,"content":[{"type":"text","text":"no"},'),
    );
    assert.match(lastMessage, /\],"isError":true\}/);
  });

  await t.step(
    "[tools.misfit-args] an error is unchanged if the arguments fit the schema",
    async () => {
      assert.deepEqual(await gateway.callServerTool("one", "fails", { path: "a" }), {
        big: 12345678901234567890,
        content: [{ type: "text", text: "no" }],
        isError: true,
      });
    },
  );

  await t.step(
    "[tools.misfit-args] the schema is added to a JSON-RPC error, too",
    async () => {
      const callThrowingTool = async (args: Fields) => {
        const { isError: _, ...result } = await gateway.callServerTool("one", "throws", args);
        return JSON.parse(readSingleText(result)).error;
      };
      const error = { code: -32603, message: "no" };
      assert.deepEqual(await callThrowingTool({ path: 5 }), { ...error, inputSchema: SCHEMA });
      assert.deepEqual(await callThrowingTool({ path: "a" }), error);
    },
  );

  await t.step(
    "[tools.missing-args] if the schema is too long, the hint says where to find it",
    async () => {
      const refusal = await gateway.expectRefusal("execute_tool", { server: "one", tool: "long" });
      const schemaHint = 'get_server_tools with "names" returns the tool\'s schema.';
      assert.equal(refusal.hint, `In args, "path" is missing. ${schemaHint}`);
      assert.ok(!("inputSchema" in refusal));
      const { isError: _, ...result } = await gateway.callServerTool("one", "long", { path: "a" });
      const error = { code: -32602, message: "no", hint: schemaHint };
      assert.deepEqual(JSON.parse(readSingleText(result)).error, error);
    },
  );

  const changedSchemaTitle =
    "[tools.missing-args] a call is made if the argument is no longer required";
  await t.step(changedSchemaTitle, async () => {
    await gateway.callServerToolForText("one", "relax");
    const listRequests = await countRequests("tools/list");
    for (let round = 0; round < 2; round++) {
      assert.equal(
        await gateway.callServerToolForText("one", "takes", { limit: 3 }),
        '{"limit":3}',
      );
    }
    assert.equal(await countRequests("tools/list"), listRequests + 1);
  });
});
