import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { EventReader } from "../gateway/http/http_fixture.ts";
import { executeToolParams } from "./agent_session.ts";
import { claim, StatelessClient, statelessHeaders } from "./eras_clients.ts";
import { offeringServer, startGateway } from "./gateway.ts";
import type { Fields, Message } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const ID = "stream 1";

/** A stream of changes over HTTP. */
class HttpStream {
  readonly #abort: AbortController;
  readonly #reader: EventReader;

  constructor(response: Response, abort: AbortController) {
    this.#reader = new EventReader(response);
    this.#abort = abort;
  }

  static async open(url: string, notifications: Fields, token?: string): Promise<HttpStream> {
    const params = { notifications, _meta: claim() };
    const message = { jsonrpc: "2.0", id: ID, method: "subscriptions/listen", params };
    const abort = new AbortController();
    const credential = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const headers = { ...statelessHeaders(message), ...credential };
    const body = JSON.stringify(message);
    const response = await fetch(url, { method: "POST", headers, body, signal: abort.signal });
    assert.equal(response.status, 200);
    return new HttpStream(response, abort);
  }

  /** Reads the next message, which must belong to the stream; `undefined` at the end. */
  async next(): Promise<Message | undefined> {
    const received = await this.#reader.nextMessage();
    if (received === undefined) return undefined;
    assert.equal(received.id, "", "an event has an id");
    const message: Message = JSON.parse(received.data);
    const { _meta } = message.params ?? message.result ?? {};
    assert.equal((_meta as Fields)[SUBSCRIPTION_ID], ID);
    return message;
  }

  /** Disconnects without reading further. */
  async hangUp(): Promise<void> {
    this.#abort.abort();
    await this.#reader.cancel().catch(() => {});
  }
}

Deno.test("[eras.listen-ends] [eras.listen-end] over HTTP, a stream on which nothing can change ends with its result", async () => {
  await using gateway = await startGateway({ transport: "http", initialize: false });
  const stream = await HttpStream.open(gateway.url, { toolsListChanged: true });
  const acknowledged = await stream.next();
  assert.equal(acknowledged?.method, ACKNOWLEDGED);
  assert.deepEqual(acknowledged?.params?.notifications, {});
  const end = await stream.next();
  assert.equal(end?.id, ID);
  assert.equal(end?.result?.resultType, "complete");
  assert.equal(await stream.next(), undefined);
});

Deno.test("[eras.listen-changes] [eras.listen-updates] [eras.changes] over HTTP, streams carry changes until the client hangs up or the gateway ends", async () => {
  await using gateway = await startGateway({
    transport: "http",
    servers: { first: offeringServer("--name=first") },
    initialize: false,
  });
  const client = StatelessClient.connect(gateway);
  const call = async (tool: string, args: Fields): Promise<unknown> => {
    const { result } = await client.request("tools/call", executeToolParams("first", tool, args));
    return (result?.content as Fields[])[0]?.text;
  };
  const uri = "own://first";
  await client.request("resources/list", {});
  const lists = await HttpStream.open(gateway.url, { promptsListChanged: true });
  const updates = await HttpStream.open(gateway.url, { resourceSubscriptions: [uri] });
  for (const stream of [lists, updates]) assert.equal((await stream.next())?.method, ACKNOWLEDGED);

  await call("change", { kind: "prompts", name: "new" });
  assert.equal((await lists.next())?.method, "notifications/prompts/list_changed");
  await call("update", { uri });
  const updated = await updates.next();
  assert.equal(updated?.method, "notifications/resources/updated");
  assert.deepEqual([updated?.params?.uri, updated?.params?.odd], [uri, [1]]);

  assert.equal(await call("subscribed", {}), JSON.stringify([uri]));
  await updates.hangUp();
  await waitUntil(
    "the subscription has ended",
    async () => await call("subscribed", {}) === "[]",
  );

  const [end] = await Promise.all([lists.next(), gateway.end()]);
  assert.equal(end?.id, ID);
  assert.equal(end?.result?.resultType, "complete");
  await lists.hangUp();
});

Deno.test("[eras.listen-ends] over HTTP, the streams of a client end with their results when its token is removed", async () => {
  const makeRules = (tokens: readonly string[]) => ({
    agents: {
      a: {
        allow: { servers: ["*"] },
        ...(tokens.length > 0 && { token_sha256: tokens.map(sha256) }),
      },
      b: { allow: { servers: ["*"] }, token_sha256: [sha256("other")] },
    },
  });
  await using gateway = await startGateway({
    transport: "http",
    servers: { first: offeringServer("--name=first") },
    rules: makeRules(["one", "two"]),
    initialize: false,
  });
  const [one, two] = await Promise.all(["one", "two"].map((token) => {
    return HttpStream.open(gateway.url, { promptsListChanged: true }, token);
  }));
  assert.ok(one && two);
  for (const stream of [one, two]) assert.equal((await stream.next())?.method, ACKNOWLEDGED);
  gateway.setup.writeFile(".mcp-gateway-rules.json", makeRules(["two"]));
  const end = await one.next();
  assert.equal(end?.result?.resultType, "complete");
  assert.equal(await one.next(), undefined);
  // The reload itself may have changed the lists of the other.
  assert.equal((await two.next())?.method, "notifications/prompts/list_changed");
  await two.hangUp();
});
