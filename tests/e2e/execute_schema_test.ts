import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Fields, readSingleText, type RunningGateway, startGateway } from "./gateway.ts";

const SCHEMA_SERVER = fileURLToPath(
  new URL("../fixtures/servers/schema_server.ts", import.meta.url),
);
const FLAGS = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"];

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

/** Number of requests of a method that the server received. */
async function countRequests(gateway: RunningGateway, method: string): Promise<number> {
  const received = (await gateway.callServerToolForText("one", "received")).split("\n");
  return received.filter((line) => JSON.parse(line).method === method).length;
}

Deno.test("arguments that do not fit a tool's schema", async (t) => {
  const command = Deno.execPath();
  await using gateway = await startGateway({
    servers: { one: { command, args: [...FLAGS, SCHEMA_SERVER] } },
  });
  const asked = (method: string) => countRequests(gateway, method);

  const refused = "[tools.missing-args] are refused with the schema if a required one is missing";
  await t.step(refused, async () => {
    const [calls, lists] = [await asked("tools/call"), await asked("tools/list")];
    for (const args of [{}, { limit: "3" }, null, undefined, '{"mode":"lines"}']) {
      const more = typeof args === "object" && args?.limit
        ? '; "limit" must be of type number'
        : "";
      const call = { server: "one", tool: "takes", args };
      assert.deepEqual(await gateway.expectRefusal("execute_tool", call), {
        code: "INVALID_ARGUMENTS",
        message: 'execute_tool: "args" for tool "takes" of server "one" has no "path" (string), ' +
          "which the tool requires. The tool was not called. Add it and call again.",
        hint: `In args, "path" is missing${more}`,
        inputSchema: SCHEMA,
      });
    }
    assert.equal(gateway.readAuditLog().at(-1)?.code, "INVALID_ARGUMENTS");
    // Each count in this test is a call of its own.
    assert.equal(await asked("tools/call"), calls + 2);
    assert.equal(await asked("tools/list"), lists + 5);
  });

  await t.step(
    "[tools.uncertain-args] are passed to the server if it may accept them",
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

  const reported =
    "[tools.misfit-args] are reported next to the error of a tool that fails because of them";
  await t.step(reported, async () => {
    const hintFor = async (args: Fields) => {
      const { content } = await gateway.callServerTool("one", "fails", args);
      const [first, second, ...more] = content as { text: string }[];
      assert.deepEqual([first, more], [{ type: "text", text: "no" }, []]);
      const { hint, inputSchema, ...rest } = JSON.parse(second?.text ?? "{}");
      assert.deepEqual([inputSchema, rest], [SCHEMA, {}]);
      return hint;
    };
    const rest = "If this is the cause, correct args and call again.";
    assert.equal(await hintFor({ path: 5 }), `In args, "path" must be of type string. ${rest}`);
    assert.equal(
      await hintFor({ file_path: "a", limit: "5", mode: "all" }),
      'In args, "path" is missing; "file_path" is not an argument; "limit" must be of type number. ' +
        rest,
    );
    assert.equal(
      await hintFor({ path: "a", mode: "all" }),
      `In args, "mode" must be one of "lines", "bytes". ${rest}`,
    );
    // The rest of the result is unchanged.
    const last = gateway.client.receivedMessages.at(-1)?.text ?? "";
    assert.ok(last.includes('{"big":12345678901234567890,"content":[{"type":"text","text":"no"},'));
    assert.match(last, /\],"isError":true\}/);
  });

  await t.step("[tools.misfit-args] an error for another reason is unchanged", async () => {
    assert.deepEqual(await gateway.callServerTool("one", "fails", { path: "a" }), {
      big: 12345678901234567890,
      content: [{ type: "text", text: "no" }],
      isError: true,
    });
  });

  await t.step("[tools.misfit-args] a JSON-RPC error of any code brings the schema", async () => {
    const thrown = async (args: Fields) => {
      const { isError: _, ...result } = await gateway.callServerTool("one", "throws", args);
      return JSON.parse(readSingleText(result)).error;
    };
    const error = { code: -32603, message: "no" };
    assert.deepEqual(await thrown({ path: 5 }), { ...error, inputSchema: SCHEMA });
    assert.deepEqual(await thrown({ path: "a" }), error);
  });

  await t.step(
    "[tools.missing-args] a schema that is too long is mentioned, but not shown",
    async () => {
      const refusal = await gateway.expectRefusal("execute_tool", { server: "one", tool: "long" });
      const where = 'get_server_tools with "names" returns the tool\'s schema.';
      assert.equal(refusal.hint, `In args, "path" is missing. ${where}`);
      assert.ok(!("inputSchema" in refusal));
      const { isError: _, ...result } = await gateway.callServerTool("one", "long", { path: "a" });
      const error = { code: -32602, message: "no", hint: where };
      assert.deepEqual(JSON.parse(readSingleText(result)).error, error);
    },
  );

  await t.step("[tools.missing-args] a list that is out of date refuses nothing", async () => {
    await gateway.callServerToolForText("one", "relax");
    const lists = await asked("tools/list");
    for (let round = 0; round < 2; round++) {
      assert.equal(
        await gateway.callServerToolForText("one", "takes", { limit: 3 }),
        '{"limit":3}',
      );
    }
    assert.equal(await asked("tools/list"), lists + 1);
  });
});
