import assert from "node:assert/strict";
import { MEMORY } from "../../contract/clients/memory_transport.ts";
import { executeToolParams } from "../../e2e/agent_session.ts";
import { misbehavingServer, offeringServer } from "../../e2e/gateway.ts";
import { PROMPTS, RESOURCES, waitForItem } from "../../e2e/offers.ts";
import type { Fields, Message } from "../../e2e/raw_client.ts";
import { claim } from "./claims.ts";

const PREFIX = "io.modelcontextprotocol/";
const SERVERS = { odd: misbehavingServer(), first: offeringServer("--name=first") };

/** Keys that reach the servers, one of them similar to a reserved one. */
const PASSED = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "vendor/x": { y: [1.5, null] },
  "io.modelcontextprotocol.example/z": 1,
};

const RESERVED = {
  [`${PREFIX}clientCapabilities`]: {},
  [`${PREFIX}clientInfo`]: { name: "liar", version: "1" },
  [`${PREFIX}logLevel`]: "debug",
  [`${PREFIX}subscriptionId`]: 1,
  [`${PREFIX}serverInfo`]: { name: "liar" },
};

/** Requests that reach a server, by the method with which they do. */
const REQUESTS: readonly (readonly [method: string, params: Fields])[] = [
  ["tools/call", executeToolParams("odd", "echo")],
  ["tools/call", executeToolParams("odd", "must_be_task")],
  ["tools/call", executeToolParams("first", "echo")],
  ["resources/read", { uri: "own://first" }],
  ["prompts/get", { name: "first__plain" }],
  ["completion/complete", {
    ref: { type: "ref/prompt", name: "first__greet" },
    argument: { name: "who", value: "x" },
  }],
];

const ERAS: Readonly<Record<string, { meta: Fields; requests: typeof REQUESTS }>> = {
  "revision 2026-07-28": { meta: claim(RESERVED), requests: REQUESTS },
  "earlier revisions": {
    meta: RESERVED,
    requests: [...REQUESTS, ["resources/subscribe", { uri: "own://first" }]],
  },
};

for (const [era, { meta, requests }] of Object.entries(ERAS)) {
  Deno.test(`[eras.meta] reserved keys of clients of ${era} reach no server`, async () => {
    await using opened = await MEMORY.start(SERVERS);
    const session = await opened.connect();
    const { client } = session;
    await waitForItem(client, RESOURCES, "own://first");
    await waitForItem(client, PROMPTS, "first__plain");
    for (const [method, params] of requests) {
      const _meta = { ...meta, progressToken: "mine", ...PASSED };
      const { error } = await client.request(method, { ...params, _meta });
      assert.equal(error, undefined, `${method}: ${JSON.stringify(error)}`);
    }
    const received = await Promise.all(
      Object.keys(SERVERS).map((server) => {
        return session.callServerToolForText(server, "received");
      }),
    );
    // The gateway itself asks the servers for their revision.
    const messages: Message[] = received.flatMap((lines) => lines.split("\n"))
      .map((line) => JSON.parse(line)).filter(({ method }) => method !== "server/discover");
    assert.doesNotMatch(JSON.stringify(messages), new RegExp(PREFIX));
    const marked = messages.filter(({ params }) => JSON.stringify(params)?.includes("vendor/x"));
    assert.deepEqual(
      marked.map(({ method }) => method).toSorted(),
      requests.map(([method]) => method).toSorted(),
    );
    for (const { id, params } of marked) {
      assert.deepEqual(params?._meta, { ...PASSED, progressToken: id });
    }
  });
}

Deno.test("[eras.meta] reserved keys in notifications of servers do not reach clients", async () => {
  await using opened = await MEMORY.start(SERVERS);
  const { client } = await opened.connect(false);
  const _meta = { [`${PREFIX}subscriptionId`]: 1, a: 1 };
  const method = "notifications/message";
  const params = { level: "error", data: "x", _meta };
  await client.request("tools/call", {
    ...executeToolParams("odd", "notify", { method, params }),
    _meta: claim({ logLevel: "debug" }),
  });
  assert.deepEqual(client.notificationParams(method), [
    { level: "error", logger: "odd", data: "x", _meta: { a: 1 } },
  ]);
});

Deno.test("[eras.logs] a client receives log messages only during requests that ask for their level", async () => {
  await using opened = await MEMORY.start(SERVERS);
  const { client } = await opened.connect(false);
  const method = "notifications/message";
  for (const logLevel of [undefined, "debug", "warning", "loud", "error"]) {
    for (const level of ["info", "warning"]) {
      const params = { level, data: String(logLevel) };
      await client.request("tools/call", {
        ...executeToolParams("odd", "notify", { method, params }),
        _meta: claim({ logLevel }),
      });
    }
  }
  assert.deepEqual(
    client.notificationParams(method).map(({ level, data }) => [level, data]),
    [["info", "debug"], ["warning", "debug"], ["warning", "warning"]],
  );
});

Deno.test("[eras.logs] a server of an earlier revision gets the lowest level that its clients' requests name", async () => {
  await using opened = await MEMORY.start({ odd: misbehavingServer() });
  const session = await opened.connect(false);
  const { client } = session;
  for (const logLevel of ["warning", "error", "debug", "info"]) {
    await client.request("tools/call", {
      ...executeToolParams("odd", "echo"),
      _meta: claim({ logLevel }),
    });
  }
  const { result } = await client.request("tools/call", {
    ...executeToolParams("odd", "received"),
    _meta: claim({}),
  });
  const [{ text = "" } = {}] = result?.content as { text?: string }[];
  const levels = text.split("\n").map((line) => JSON.parse(line))
    .filter(({ method }) => method === "logging/setLevel").map(({ params }) => params.level);
  assert.deepEqual(levels, ["warning", "debug"]);
});
