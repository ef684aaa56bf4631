import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Fields, readSingleText, type RunningGateway, startGateway } from "./gateway.ts";

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

/** Number of requests of a method that the server received. */
async function countRequests(gateway: RunningGateway, method: string): Promise<number> {
  const received = (await gateway.callServerToolForText("one", "received")).split("\n");
  return received.filter((line) => JSON.parse(line).method === method).length;
}

Deno.test("arguments that do not fit a tool's schema", async (t) => {
  const command = Deno.execPath();
  await using gateway = await startGateway({
    servers: { one: { command, args: [...DENO_FLAGS, SCHEMA_SERVER] } },
  });
  const countRequestsOf = (method: string) => countRequests(gateway, method);

  const refusedName =
    "[tools.missing-args] are refused with the schema if a required one is missing and no unknown one may mean it";
  await t.step(refusedName, async () => {
    const [callRequests, listRequests] = [
      await countRequestsOf("tools/call"),
      await countRequestsOf("tools/list"),
    ];
    for (const args of [{}, { limit: "3" }, null, undefined, '{"mode":"lines"}']) {
      const furtherHint = typeof args === "object" && args?.limit
        ? '; "limit" must be of type number'
        : "";
      const call = { server: "one", tool: "takes", args };
      assert.deepEqual(await gateway.expectRefusal("execute_tool", call), {
        code: "INVALID_ARGUMENTS",
        message: 'execute_tool: "args" for tool "takes" of server "one" has no "path" (string), ' +
          "which the tool requires. The tool was not called. Add it and call again.",
        hint: `In args, "path" is missing${furtherHint}`,
        inputSchema: SCHEMA,
      });
    }
    assert.equal(gateway.readAuditLog().at(-1)?.code, "INVALID_ARGUMENTS");
    // Each of the two counts is a call, too.
    assert.equal(await countRequestsOf("tools/call"), callRequests + 2);
    assert.equal(await countRequestsOf("tools/list"), listRequests + 5);
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

  const reportedName = "[tools.misfit-args] are reported next to the error of the tool";
  await t.step(reportedName, async () => {
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
    const last = gateway.client.receivedMessages.at(-1)?.text ?? "";
    assert.ok(last.includes('{"big":12345678901234567890,"content":[{"type":"text","text":"no"},'));
    assert.match(last, /\],"isError":true\}/);
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
    "[tools.misfit-args] a JSON-RPC error other than -32602 is returned with the schema, too",
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

  await t.step("[tools.missing-args] an outdated tool list refuses no call", async () => {
    await gateway.callServerToolForText("one", "relax");
    const listRequests = await countRequestsOf("tools/list");
    for (let round = 0; round < 2; round++) {
      assert.equal(
        await gateway.callServerToolForText("one", "takes", { limit: 3 }),
        '{"limit":3}',
      );
    }
    assert.equal(await countRequestsOf("tools/list"), listRequests + 1);
  });
});
