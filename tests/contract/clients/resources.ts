import assert from "node:assert/strict";
import { executeToolParams } from "../../e2e/agent_session.ts";
import { readJson } from "../../../src/exact_json.ts";
import { DirectConnection } from "../../e2e/direct_connection.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import { waitUntil } from "../../e2e/wait.ts";
import {
  createOffers,
  ODD_PROMPT,
  ODD_RESOURCE,
  ODD_TEMPLATE,
  ODD_URIS,
  SHARED_URI,
} from "../../fixtures/servers/offers.ts";
import {
  expectRpcError,
  listItems,
  listKeys,
  PROMPTS,
  requestResultText,
  RESOURCES,
  TEMPLATES,
  waitForItem,
} from "../../e2e/offers.ts";
import { NOT_FOUND, OFFERING_SERVERS, type OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

const FIRST = createOffers("first", 0);
const SECOND = createOffers("second", 0);

/** Parameters without a valid URI. */
export const INVALID_URIS: readonly Fields[] = [{}, { uri: 7 }, { uri: null }, {
  uri: ["note://one"],
}];

/** Parses the items of servers in their order, without items whose key another server has listed. */
function mergeItems(texts: readonly string[], key: string): Fields[] {
  const items = new Map<unknown, Fields>();
  for (const text of texts) {
    const item = JSON.parse(text);
    if (!items.has(item[key])) items.set(item[key], item);
  }
  return [...items.values()];
}

/** Reads JSON with the text of each number, because numbers are forwarded as the server wrote them. */
function readExactly(json: string): unknown {
  return readJson(json, (text) => ({ number: text }))?.value;
}

/** Checks the lists of resources, templates and prompts, and what is declared of them. */
export async function checkLists(transport: OpenTransport, check: Check): Promise<void> {
  await check(
    "[offered.capabilities] resources, prompts and completions are declared",
    async () => {
      const { client } = await transport.connect(false);
      const capabilities = (await client.initialize()).result?.capabilities as Fields;
      assert.deepEqual(capabilities.resources, { subscribe: true, listChanged: true });
      assert.deepEqual(capabilities.prompts, { listChanged: true });
      assert.deepEqual(capabilities.completions, {});
    },
  );

  const { client } = await transport.connect();
  await check(
    "[offered.merged] resources are listed in the order of the servers, the first of equal URIs",
    async () => {
      await waitForItem(client, RESOURCES, "hasty://hang");
      const hasty = '{"uri":"hasty://hang","name":"hasty://hang"}';
      const texts = [...FIRST.resources, ...SECOND.resources, hasty];
      assert.deepEqual(await listItems(client, RESOURCES), mergeItems(texts, "uri"));
    },
  );

  await check("[offered.merged] templates are listed likewise", async () => {
    await waitForItem(client, TEMPLATES, "own://second/{path}");
    const expected = mergeItems([...FIRST.templates, ...SECOND.templates], "uriTemplate");
    assert.deepEqual(await listItems(client, TEMPLATES), expected);
  });

  await check("[offered.merged] items are forwarded with all their fields", async () => {
    for (
      const [{ method }, item] of [
        [RESOURCES, ODD_RESOURCE],
        [TEMPLATES, ODD_TEMPLATE],
        [PROMPTS, ODD_PROMPT.replace('"greet"', '"first__greet"')],
      ] as const
    ) {
      const { text } = await client.requestText(method, "{}");
      assert.ok(text.includes(item), `${item} is not in ${text}`);
    }
  });

  await check("[offered.cursors] a cursor that the gateway did not give is refused", async () => {
    for (const { method } of [RESOURCES, TEMPLATES, PROMPTS]) {
      for (const cursor of ["0", "", "x".repeat(10_000), "eyJhIjoxfQ", 7, {}]) {
        const { error } = await client.request(method, { cursor });
        assert.equal(error?.code, -32602, `${method} ${JSON.stringify(cursor)}`);
      }
    }
  });

  await check("[offered.errors] invalid parameters are refused", async () => {
    for (const params of INVALID_URIS) {
      const { error } = await client.request("resources/read", params);
      assert.equal(error?.code, -32602, JSON.stringify(params));
    }
  });
}

/** Checks reads of resources: whose they are, their results, and their failures. */
export async function checkReads(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect({ capabilities: { elicitation: {} } });
  const { client } = gateway;
  await waitForItem(client, RESOURCES, "own://second");
  await waitForItem(client, TEMPLATES, "own://second/{path}");
  const readText = async (uri: string) => {
    const { result, error } = await client.request("resources/read", { uri });
    assert.equal(error, undefined, JSON.stringify(error));
    return (result?.contents as Fields[])[0]?.text;
  };

  await check("[offered.unchanged] results equal those of direct calls", async () => {
    await using direct = await DirectConnection.start(OFFERING_SERVERS.first);
    const uris = [...ODD_URIS, "note://one", "note://x", SHARED_URI, "do://empty"];
    for (const uri of uris) {
      const expected = await requestResultText(direct.client, "resources/read", { uri });
      const text = await requestResultText(client, "resources/read", { uri });
      assert.deepEqual(readExactly(text), readExactly(expected));
    }
  });

  await check(
    "[offered.templates] a URI is read at the first server that lists it, or else whose template matches",
    async () => {
      for (
        const [uri, server] of [
          [SHARED_URI, "first"],
          ["own://second", "second"],
          ["own://first", "first"],
          ["own://second/a", "second"],
          ["shared://a/b", "first"],
          ["note://any", "first"],
        ] as const
      ) assert.equal(await readText(uri), `${server} read ${uri}`);
    },
  );

  await check("[offered.errors] a URI that no server offers is not found", async () => {
    for (const uri of ["nowhere://x", "own://second/a/b", "own://third", "", "note:"]) {
      const { code, data } = await expectRpcError(client, "resources/read", { uri });
      assert.deepEqual([code, data.code, data.rule], [
        transport.notFoundCode,
        "RESOURCE_NOT_FOUND",
        undefined,
      ]);
      assert.equal(typeof data.message, "string");
    }
  });

  await check(
    "[offered.links] a link in a result can be read on the connection that got it",
    async () => {
      const uri = "given://link?x=%20";
      await expectRpcError(client, "resources/read", { uri });
      await gateway.callServerTool("second", "link", { uri });
      assert.equal(await readText(uri), `second read ${uri}`);
      assert.equal(await readText(`${uri}#embedded`), `second read ${uri}#embedded`);
      await gateway.callServerTool("first", "link", { uri });
      assert.equal(await readText(uri), `first read ${uri}`);
      const stranger = await transport.connect();
      const { code } = await expectRpcError(stranger.client, "resources/read", { uri });
      assert.equal(code, transport.notFoundCode);
    },
  );

  await check(
    "[offered.links] a listed URI is not read at a server that links to it",
    async () => {
      await gateway.callServerTool("second", "link", { uri: "own://first" });
      assert.equal(await readText("own://first"), "first read own://first");
    },
  );

  await check("[offered.links] a link in a prompt can be read as well", async () => {
    await client.request("prompts/get", { name: "second__plain" });
    assert.equal(await readText("given://second"), "second read given://second");
  });

  await check(
    "[offered.errors] an error of a server arrives as the server wrote it",
    async () => {
      await using direct = await DirectConnection.start(OFFERING_SERVERS.first);
      for (const uri of ["do://fail", "note://missing"]) {
        const params = JSON.stringify({ uri });
        const { text, message } = await client.requestText("resources/read", params);
        const { message: expected } = await direct.client.requestText("resources/read", params);
        const { code } = expected.error ?? assert.fail();
        const knownCode = code === NOT_FOUND ? transport.notFoundCode : code;
        assert.deepEqual(message.error, { ...expected.error, code: knownCode });
        if (uri === "do://fail") assert.ok(text.includes('"big":12345678901234567890'), text);
      }
    },
  );

  await check("[offered.errors] a server that is too slow is a timeout", async () => {
    await waitForItem(client, RESOURCES, "hasty://hang");
    const request = { uri: "hasty://hang" };
    const { code, data } = await expectRpcError(client, "resources/read", request);
    assert.deepEqual([code, data.code], [-32603, "TIMEOUT"]);
  });

  await check(
    "[offered.errors] a server that crashes fails this read, not the next",
    async () => {
      const { code, data } = await expectRpcError(client, "resources/read", { uri: "do://crash" });
      assert.deepEqual([code, data.code], [-32603, "SERVER_UNAVAILABLE"]);
      assert.equal(await readText("own://first"), "first read own://first");
    },
  );

  await check("[offered.requests] progress arrives with the client's own token", async () => {
    for (const progressToken of ["mine", 0]) {
      const startIndex = client.receivedMessages.length;
      await client.request("resources/read", { uri: "do://progress", _meta: { progressToken } });
      const progress = client.receivedMessages.slice(startIndex)
        .filter(({ message }) => message.method === "notifications/progress")
        .map(({ message }) => message.params);
      assert.deepEqual(
        progress,
        [1, 2].map((step) => ({ progressToken, progress: step, total: 2 })),
      );
    }
  });

  await check("[offered.requests] a server can ask the client during a read", async () => {
    const messages: unknown[] = [];
    client.setRequestHandler("elicitation/create", ({ message }) => {
      messages.push(message);
      return { action: "accept", content: { odd: [1] } };
    });
    const answer = String(await readText("do://ask"));
    assert.deepEqual(JSON.parse(answer), { action: "accept", content: { odd: [1] } });
    assert.deepEqual(messages, ["[first] Read it?"]);
  });

  await check("[offered.requests] a cancelled read is cancelled at the server", async () => {
    const received = async () => await gateway.callServerToolForText("first", "received");
    await client.sendLine(JSON.stringify({
      jsonrpc: "2.0",
      id: "read to cancel",
      method: "resources/read",
      params: { uri: "do://hang" },
    }));
    await waitUntil("the read has arrived", async () => (await received()).includes("do://hang"));
    await client.notify("notifications/cancelled", { requestId: "read to cancel" });
    await waitUntil(
      "the cancellation has arrived",
      async () => (await received()).includes('"notifications/cancelled"'),
    );
    const ids = client.receivedMessages.map(({ message }) => message.id);
    assert.equal(ids.includes("read to cancel"), false);
  });

  await check("[offered.requests] a slow read does not delay other requests", async () => {
    const params = { uri: "do://hang" };
    const slow = JSON.stringify({
      jsonrpc: "2.0",
      id: "slow read",
      method: "resources/read",
      params,
    });
    await client.sendLine(slow);
    const uris = Array.from({ length: 100 }, (_, number) => `note://${number}`);
    const texts = await Promise.all(uris.map(readText));
    assert.deepEqual(texts, uris.map((uri) => `first read ${uri}`));
    const call = await client.request("tools/call", executeToolParams("first", "pid"));
    assert.ok(call.result);
    await client.notify("notifications/cancelled", { requestId: "slow read" });
  });

  await check("[offered.merged] a server without resources has an empty part", async () => {
    assert.ok((await listKeys(client, RESOURCES)).every((uri) => !uri.includes("odd")));
  });
}
