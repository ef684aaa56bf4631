import assert from "node:assert/strict";
import { ODD_DETAILS, ODD_RESULT } from "../fixtures/servers/odd_json.ts";
import {
  executeToolParams,
  type Fields,
  misbehavingServer,
  readRefusal,
  readSingleText,
  startGateway,
} from "./gateway.ts";

/** A JSON-RPC error of a server, as `execute_tool` returns it. */
interface RpcErrorAnswer {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
  readonly inputSchema?: unknown;
}

Deno.test("execute_tool forwards what a server answers", async (t) => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer("--noise") } });
  const { client } = gateway;

  await t.step(
    "[tools.execute-unchanged] every kind of content is passed on unchanged",
    async () => {
      const answer = await client.requestText(
        "tools/call",
        JSON.stringify(executeToolParams("odd", "contents")),
      );
      assert.deepEqual(answer.message.result, JSON.parse(ODD_RESULT));
      for (const detail of ODD_DETAILS) assert.ok(answer.text.includes(detail), detail);
    },
  );

  await t.step("[tools.execute-unchanged] a tool's own isError is passed on", async () => {
    assert.deepEqual(await gateway.callServerTool("odd", "fails"), {
      content: [{ type: "text", text: "it went wrong" }],
      isError: true,
    });
  });

  await t.step("[tools.execute-unchanged] a result of 3 MB is passed on", async () => {
    const text = await gateway.callServerToolForText("odd", "big", { length: 3_000_000 });
    assert.equal(text, "x".repeat(3_000_000));
  });

  await t.step("[tools.execute-unchanged] tools with unusual names can be called", async () => {
    for (const name of ["__proto__", "constructor", "käse/名 ."]) {
      assert.ok((await gateway.callServerToolForText("odd", name)).includes(JSON.stringify(name)));
    }
  });

  await t.step("[tools.execute-meta] fields of _meta reach the server", async () => {
    const { result } = await client.request("tools/call", {
      ...executeToolParams("odd", "echo"),
      _meta: { "vendor/trace": { id: "abc" }, progressToken: "mine" },
    });
    const { params } = JSON.parse(readSingleText(result));
    assert.deepEqual(params._meta["vendor/trace"], { id: "abc" });
    assert.notEqual(params._meta.progressToken, "mine");
  });

  await t.step(
    "[tools.noise] output of a server that is not JSON-RPC is skipped and logged",
    () => {
      assert.match(gateway.program.stderr, /Skipped what the server wrote.*Welcome to the odd/);
      assert.match(
        gateway.program.stderr,
        /Skipped what the server wrote.*This line is not a message/,
      );
    },
  );

  await t.step(
    "[tools.rpc-error] a JSON-RPC error becomes a result with code and data",
    async () => {
      const error = { code: -32000, message: "No such row", data: { row: [7, null] } };
      const answer = readRefusal(await gateway.callServerTool("odd", "rpc_error", { error }));
      assert.deepEqual(answer, error);
      const errorWithoutData = { code: 12, message: "" };
      assert.deepEqual(
        readRefusal(await gateway.callServerTool("odd", "rpc_error", { error: errorWithoutData })),
        errorWithoutData as unknown,
      );
    },
  );

  await t.step(
    "[tools.invalid-params-schema] the result of a -32602 error has the input schema",
    async () => {
      const error = { code: -32602, message: "x must be a number", data: ["x"] };
      const result = await gateway.callServerTool("odd", "rpc_error", { error });
      const answer = readRefusal(result) as unknown as RpcErrorAnswer;
      assert.deepEqual(answer, {
        ...error,
        inputSchema: {
          type: "object",
          properties: { error: { type: "object" } },
          required: ["error"],
        },
      });
    },
  );

  await t.step(
    "[tools.url-elicitation] error -32042 becomes a result for a client without URL elicitation",
    async () => {
      const result = await gateway.callServerTool("odd", "rpc_error", { error: URL_ERROR });
      assert.deepEqual(readRefusal(result) as unknown, URL_ERROR);
    },
  );

  await t.step("[tools.task] a tool that must run as a task is run as a task", async () => {
    const text = await gateway.callServerToolForText("odd", "must_be_task", { n: 12 });
    assert.deepEqual(JSON.parse(text), { ranAsTask: { n: 12 } });
    const received = (await gateway.callServerToolForText("odd", "received")).split("\n");
    const methods = received.map((line) => JSON.parse(line)).map(({ method, params }) => {
      return params?.task === undefined ? method : `${method} with task`;
    });
    assert.ok(methods.includes("tools/call with task"));
    assert.ok(methods.includes("tasks/result"));
  });
});

/** Returns error -32042 with one elicitation. */
function createUrlError(message: string): Fields {
  const elicitation = {
    mode: "url",
    elicitationId: "e1",
    url: "https://example.com/login",
    message,
  };
  return { code: -32042, message: "Log in first", data: { elicitations: [elicitation], odd: 1 } };
}

const URL_ERROR = createUrlError("[bank] Log in");
const URL_CLIENT = { capabilities: { elicitation: { form: {}, url: {} } } };

Deno.test("[tools.url-elicitation] error -32042 reaches a client that supports URL elicitation, with the server's name", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    initialize: URL_CLIENT,
  });
  const params = executeToolParams("odd", "rpc_error", { error: URL_ERROR });
  const { error, result } = await gateway.client.request("tools/call", params);
  assert.equal(result, undefined);
  assert.deepEqual(error, createUrlError("[odd] Log in"));
});

Deno.test("[servers.forward] no link of a server that forwards no elicitations reaches the client", async () => {
  await using gateway = await startGateway({
    servers: { odd: { ...misbehavingServer(), gateway: { forward: [] } } },
    initialize: URL_CLIENT,
  });
  const result = await gateway.callServerTool("odd", "rpc_error", { error: URL_ERROR });
  assert.deepEqual(readRefusal(result) as unknown, URL_ERROR);
  const method = "notifications/elicitation/complete";
  const args = { method, params: { elicitationId: "e1" } };
  assert.equal(await gateway.callServerToolForText("odd", "notify", args), "done");
  assert.deepEqual(gateway.client.notificationParams(method), []);
});

Deno.test("[servers.forward] the completion of a server's elicitation reaches the client with nothing but its id", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    initialize: URL_CLIENT,
  });
  const method = "notifications/elicitation/complete";
  const args = { method, params: { elicitationId: "e1", message: "[bank] Log in" } };
  assert.equal(await gateway.callServerToolForText("odd", "notify", args), "done");
  assert.deepEqual(gateway.client.notificationParams(method), [{ elicitationId: "e1" }]);
});

Deno.test("[tools.url-elicitation] a client does not support URL elicitation if its url capability is not an object", async () => {
  for (const url of [true, null, []]) {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      initialize: { capabilities: { elicitation: { url } } },
    });
    const result = await gateway.callServerTool("odd", "rpc_error", { error: URL_ERROR });
    assert.deepEqual(readRefusal(result) as unknown, URL_ERROR, JSON.stringify(url));
  }
});

Deno.test("[tools.one-text-block] each answer of the gateway itself is one block of compact JSON", async () => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });
  const calls: [string, Fields][] = [
    ["list_servers", { include_metadata: true }],
    ["get_server_tools", { server: "odd", names: "echo" }],
    ["execute_tool", { server: "gone", tool: "x", args: {} }],
  ];
  for (const [name, args] of calls) {
    const { isError: _, structuredContent, ...result } = await gateway.callGatewayTool(name, args);
    assert.equal(structuredContent !== undefined, name === "list_servers");
    const text = readSingleText(result);
    assert.equal(text, JSON.stringify(JSON.parse(text)));
  }
});
