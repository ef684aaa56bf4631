import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import {
  claim,
  EarlierClient,
  readMessages,
  StatelessClient,
  statelessHeaders,
} from "./eras_clients.ts";
import { executeToolParams, type Fields, misbehavingServer, startGateway } from "./gateway.ts";
import type { Message } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

/** A request, with changes of its headers; `null` removes one. */
interface Sent {
  readonly method?: string;
  readonly params?: Fields;
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** An HTTP client that sends single messages of revision 2026-07-28. */
class HeaderClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Sends a request, and returns the response without reading it. */
  async send(
    { method = "tools/list", params = {}, headers = {} }: Sent,
    signal?: AbortSignal,
  ): Promise<Response> {
    const message = { jsonrpc: "2.0", id: 1, method, params: { _meta: claim(), ...params } };
    return await this.post(message, { headers, signal });
  }

  /** Posts a message. */
  async post(
    message: Message,
    { headers = {}, signal }: Pick<Sent, "headers"> & { signal?: AbortSignal | undefined } = {},
  ): Promise<Response> {
    const all = Object.entries({ ...statelessHeaders(message), ...headers });
    return await fetch(this.#url, {
      method: "POST",
      headers: all.filter((entry): entry is [string, string] => entry[1] !== null),
      body: JSON.stringify(message),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Sends a request, and returns the status and the code of the error. */
  async sendForCode(sent: Sent): Promise<[number, number | undefined]> {
    return await readCode(await this.send(sent));
  }
}

async function readCode(response: Response): Promise<[number, number | undefined]> {
  const [message] = readMessages(response.headers.get("content-type"), await response.text());
  return [response.status, message?.error?.code];
}

Deno.test("[eras.headers] over HTTP, headers and body must agree", async (t) => {
  await using gateway = await startGateway({
    transport: "http",
    // Clients of both eras count the calls of the same process.
    servers: { odd: { ...misbehavingServer(), gateway: { isolation: "shared" } } },
    initialize: false,
  });
  const client = new HeaderClient(gateway.url);
  const call = { method: "tools/call", params: executeToolParams("odd", "echo", { text: "x" }) };

  const refusals: Readonly<Record<string, readonly [Sent, number, number | undefined]>> = {
    "no revision": [{ headers: { "mcp-protocol-version": null } }, 400, -32020],
    "another revision": [{ headers: { "mcp-protocol-version": "2025-11-25" } }, 400, -32020],
    "no method": [{ headers: { "mcp-method": null } }, 400, -32020],
    "another method": [{ headers: { "mcp-method": "tools/call" } }, 400, -32020],
    "a method in other letters": [{ headers: { "mcp-method": "Tools/List" } }, 400, -32020],
    "no name": [{ ...call, headers: { "mcp-name": null } }, 400, -32020],
    "another name": [{ ...call, headers: { "mcp-name": "list_servers" } }, 400, -32020],
    "a malformed name": [{ ...call, headers: { "mcp-name": "=?base64?%%%?=" } }, 400, -32020],
    "an unknown method": [{ method: "nothing/known" }, 404, -32601],
    "a ping": [{ method: "ping" }, 404, -32601],
    "an initialize": [{ method: "initialize" }, 404, -32601],
    "no capabilities": [
      {
        params: { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } },
      },
      400,
      -32602,
    ],
    "no claim": [{ params: { _meta: {} } }, 400, -32602],
    "a claim that is no string": [
      {
        params: { _meta: { ...claim(), "io.modelcontextprotocol/protocolVersion": 1 } },
      },
      400,
      -32602,
    ],
    "an unknown revision": [
      {
        headers: { "mcp-protocol-version": "2099-01-01" },
        params: { _meta: { ...claim(), "io.modelcontextprotocol/protocolVersion": "2099-01-01" } },
      },
      400,
      -32022,
    ],
    "an unknown resource": [
      { method: "resources/read", params: { uri: "nowhere://x" } },
      200,
      -32602,
    ],
    "an unknown tool": [{ method: "tools/call", params: { name: "none" } }, 200, -32602],
  };
  for (const [name, [sent, status, code]] of Object.entries(refusals)) {
    await t.step(`[eras.headers] ${name} is ${code} with status ${status}`, async () => {
      assert.deepEqual(await client.sendForCode(sent), [status, code]);
    });
  }

  await t.step(
    "[eras.headers] encoded names, and any letters in names of headers, are accepted",
    async () => {
      const name = `=?base64?${btoa("execute_tool")}?=`;
      const response = await client.send({
        ...call,
        headers: { "mcp-name": null, "MCP-NAME": name },
      });
      assert.deepEqual(await readCode(response), [200, undefined]);
    },
  );

  await t.step(
    "[eras.classified] the session and the last event of other headers are ignored",
    async () => {
      const headers = { "mcp-session-id": "unknown", "last-event-id": "7" };
      const response = await client.send({ ...call, headers });
      assert.equal(response.headers.get("mcp-session-id"), null);
      assert.deepEqual(await readCode(response), [200, undefined]);
    },
  );

  await t.step("[eras.headers] a notification is accepted without a body", async () => {
    const params = { requestId: "unknown", _meta: claim() };
    const message = { jsonrpc: "2.0", method: "notifications/cancelled", params };
    const response = await client.post(message);
    assert.equal(response.status, 202);
    assert.equal(await response.text(), "");
  });

  await t.step(
    "[eras.headers] a stream has no ids, no events of its own, and is not buffered",
    async () => {
      const params = executeToolParams("odd", "slow_progress", { every_ms: 20, times: 3 });
      const _meta = claim({ progressToken: "t" });
      const response = await client.send({ method: "tools/call", params: { ...params, _meta } });
      assert.equal(response.headers.get("content-type"), "text/event-stream");
      assert.equal(response.headers.get("x-accel-buffering"), "no");
      const text = await response.text();
      assert.doesNotMatch(text, /^(id|retry):/m);
      const messages = readMessages("text/event-stream", text);
      assert.deepEqual(
        messages.map(({ method }) => method),
        [...Array(3).fill("notifications/progress"), undefined],
      );
    },
  );

  await t.step("[eras.cancel] a disconnect cancels a stateless call, and no other", async () => {
    const earlier = await EarlierClient.connect(gateway);
    const countWaiting = async () => {
      const { result } = await earlier.request("tools/call", executeToolParams("odd", "waiting"));
      return (result?.content as { text: string }[])[0]?.text;
    };
    const controller = new AbortController();
    const waiting = client.send(
      { method: "tools/call", params: executeToolParams("odd", "wait") },
      controller.signal,
    ).then((response) => response.text());
    const disconnected = assert.rejects(waiting);
    await waitUntil("the call waits", async () => await countWaiting() === "1");
    controller.abort();
    await disconnected;
    await waitUntil("the call is cancelled", async () => await countWaiting() === "0");
    await (earlier.raw.transport as { close?(): Promise<void> }).close?.();
  });
});

Deno.test("[eras.isolation] with isolation by session, requests of one credential share a server, and those of others do not", async () => {
  const tokens = ["amg_one", "amg_two"];
  const agents = Object.fromEntries(
    tokens.map((token) => [token, { token_sha256: [sha256(token)], allow: { servers: ["*"] } }]),
  );
  await using gateway = await startGateway({
    transport: "http",
    servers: { odd: { ...misbehavingServer(), gateway: { isolation: "session" } } },
    rules: { agents },
    initialize: false,
  });
  const readPid = async (token: string | undefined) => {
    const client = StatelessClient.connect(gateway, token);
    const { result } = await client.request("tools/call", executeToolParams("odd", "pid"));
    return (result?.content as { text: string }[])[0]?.text;
  };
  const [one, two] = [await readPid(tokens[0]), await readPid(tokens[1])];
  assert.match(String(one), /^\d+$/);
  assert.notEqual(one, two);
  assert.deepEqual([await readPid(tokens[0]), await readPid(tokens[1])], [one, two]);
});
