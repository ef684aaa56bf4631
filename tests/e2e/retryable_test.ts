import assert from "node:assert/strict";
import { type Fields, misbehavingServer, offeringServer, startGateway } from "./gateway.ts";

const ANNOTATIONS = {
  changing: {},
  reading: { readOnlyHint: true },
  repeatable: { idempotentHint: true },
  destructive: { readOnlyHint: "true", idempotentHint: "true" },
} as const;

const SERVERS = Object.fromEntries(
  Object.entries(ANNOTATIONS).map(([name, annotations]) => {
    return [name, misbehavingServer(`--annotations=${JSON.stringify(annotations)}`)];
  }),
);

Deno.test("each refusal says whether the same request may succeed later", async (t) => {
  await using gateway = await startGateway({
    servers: {
      ...SERVERS,
      broken: { command: "no-such-program-exists" },
      slow: misbehavingServer("--hold=initialize"),
      offering: offeringServer("--name=offering", '--prompts=["{\\"name\\":\\"greet\\"}"]'),
    },
    rules: {
      agents: {
        all: { allow: { servers: ["*"] }, deny: { tools: { changing: ["echo"] } } },
        limited: { allow: { servers: ["*"] }, limits: { per_minute: 1 } },
      },
    },
    args: ["--agent", "all", "--init-strategy", "lazy"],
  });
  const refusalOf = (
    server: string,
    tool: string,
    options: { readonly args?: Fields; readonly timeout_ms?: number } = {},
  ) => gateway.expectRefusal("execute_tool", { server, tool, ...options });
  const summarize = (
    { code, retryable }: { readonly code?: unknown; readonly retryable?: unknown },
  ) => [code, retryable];

  await t.step(
    "[errors.retryable] a call that was sent may be made again only if its tool does no harm then",
    async () => {
      for (
        const [server, mayRepeat] of [
          ["changing", false],
          ["reading", true],
          ["repeatable", true],
          ["destructive", false],
        ] as const
      ) {
        // The list of tools is known then, so that the time is not over before the call is sent.
        await gateway.callServerToolForText(server, "count");
        const timedOut = await refusalOf(server, "wait", { timeout_ms: 200 });
        assert.deepEqual(summarize(timedOut), ["TIMEOUT", mayRepeat], server);
        const crashed = await refusalOf(server, "crash");
        assert.deepEqual(summarize(crashed), ["SERVER_UNAVAILABLE", mayRepeat], server);
        const warning = mayRepeat
          ? undefined
          : "The tool may have run: find out before you call it again";
        assert.deepEqual([timedOut.hint, crashed.hint], [warning, warning], server);
      }
    },
  );

  await t.step("[errors.retryable] a call that was not sent may be made again", async () => {
    for (const [server, code] of [["broken", "SERVER_UNAVAILABLE"], ["slow", "TIMEOUT"]] as const) {
      const refusal = await refusalOf(server, "crash", { timeout_ms: 500 });
      assert.deepEqual(summarize(refusal), [code, true], server);
    }
  });

  await t.step("[errors.retryable] a request that has to be changed is not retryable", async () => {
    assert.deepEqual(summarize(await refusalOf("changing", "echo")), ["DENIED_BY_POLICY", false]);
    assert.deepEqual(summarize(await refusalOf("nobody", "echo")), ["SERVER_UNAVAILABLE", false]);
    assert.deepEqual(summarize(await refusalOf("reading", "no")), ["TOOL_NOT_FOUND", false]);
    const invalid = await gateway.expectRefusal("execute_tool", { server: "reading" });
    assert.deepEqual(summarize(invalid), ["INVALID_ARGUMENTS", false]);
  });

  await t.step(
    "[errors.retryable] the data of JSON-RPC errors of the gateway says it, too",
    async () => {
      const dataOf = async (method: string, params: Fields): Promise<unknown[]> => {
        const { error } = await gateway.client.request(method, params);
        return summarize(error?.data as Fields);
      };
      assert.deepEqual(
        [
          await dataOf("tools/call", { name: "unknown", arguments: {} }),
          await dataOf("prompts/get", { name: "offering__no" }),
          await dataOf("tools/list", { cursor: "of another list" }),
          await dataOf("resources/list", { cursor: 7 }),
        ],
        [
          ["TOOL_NOT_FOUND", false],
          ["PROMPT_NOT_FOUND", false],
          ["INVALID_ARGUMENTS", false],
          ["INVALID_ARGUMENTS", false],
        ],
      );
    },
  );
});

Deno.test("[errors.retryable] a call beyond a limit, and a request that is no operation, may be made again later", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: { agents: { limited: { allow: { servers: ["*"] }, limits: { per_minute: 2 } } } },
    args: ["--agent", "limited", "--init-strategy", "lazy"],
  });
  const { client } = gateway;
  await gateway.callServerToolForText("reading", "count");
  await client.request("ping");
  const { code, retryable } = await gateway.expectRefusal("list_servers", {});
  assert.deepEqual([code, retryable], ["RATE_LIMITED", true]);
  const { error } = await client.request("ping");
  const data = error?.data as Fields;
  assert.deepEqual([data.code, data.retryable], ["RATE_LIMITED", true]);
});
