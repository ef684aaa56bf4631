import assert from "node:assert/strict";
import { createMemoryChannels } from "../../../src/jsonrpc/mod.ts";
import { MemoryTransport } from "../../contract/clients/memory_transport.ts";
import { TempFolder } from "../../config/temp_folder.ts";
import { executeToolParams, readSingleText } from "../../e2e/agent_session.ts";
import { offeringServer } from "../../e2e/gateway.ts";
import { type Fields, type Message, RawClient } from "../../e2e/raw_client.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { openGateway } from "../in_process.ts";
import { claim } from "./claims.ts";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
const UPDATED = "notifications/resources/updated";
const LISTS_CHANGED = [
  "notifications/tools/list_changed",
  "notifications/resources/list_changed",
  "notifications/prompts/list_changed",
];

/** A gateway with a server that offers resources and prompts, and clients without sessions. */
class ListeningFixture implements AsyncDisposable {
  readonly #folder = new TempFolder();
  readonly #stack = new AsyncDisposableStack();
  #gateway: Awaited<ReturnType<typeof openGateway>>["gateway"] | undefined;

  static async open({ rules = {}, flags = {}, servers = {} }: {
    readonly rules?: Fields;
    readonly flags?: Fields;
    readonly servers?: Fields;
  } = {}): Promise<ListeningFixture> {
    const fixture = new ListeningFixture();
    fixture.#folder.write("mcp.json", {
      mcpServers: { first: offeringServer("--name=first"), ...servers },
    });
    const agents = { tester: { allow: { servers: ["*"] }, ...rules } };
    fixture.#folder.write("rules.json", { agents });
    const { gateway } = await openGateway(fixture.#folder, { agent: "tester", ...flags });
    fixture.#gateway = gateway;
    return fixture;
  }

  /** Replaces the rules file and loads it. */
  async reload(rules: object): Promise<void> {
    this.#folder.write("rules.json", rules);
    await this.#gateway?.reload();
  }

  connect(): ListeningClient {
    const [clientChannel, gatewayChannel] = createMemoryChannels();
    this.#stack.defer(() => clientChannel.close());
    this.#gateway?.connect(gatewayChannel, { onClosed: () => {} });
    return new ListeningClient(new RawClient(new MemoryTransport(clientChannel)));
  }

  async end(): Promise<void> {
    const gracePeriods = { afterInputCloseMs: 500, afterTerminateMs: 500 };
    await this.#gateway?.end({ callsMs: 1000, gracePeriods });
    this.#gateway = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#stack.disposeAsync();
    this.#folder[Symbol.dispose]();
  }
}

/** A client of revision 2026-07-28 that opens streams. */
class ListeningClient {
  readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** Sends a request; its id is none that a test gives to a stream. */
  request(
    method: string,
    params: Fields = {},
    id: string | number = `request ${this.raw.newId()}`,
  ): Promise<Message> {
    return this.raw.request(method, { ...params, _meta: claim() }, id);
  }

  async callForText(tool: string, args: Fields = {}): Promise<string> {
    const { result } = await this.request("tools/call", executeToolParams("first", tool, args));
    const { content } = result ?? assert.fail();
    return readSingleText({ content });
  }

  /** Opens a stream, and returns what is honoured. */
  async listen(id: string | number, notifications: Fields): Promise<unknown> {
    const acknowledged = this.raw.waitForMessage("the first message of the stream", (message) => {
      return message.method === ACKNOWLEDGED && idOf(message) === id;
    });
    const params = JSON.stringify({ notifications, _meta: claim() });
    const method = "subscriptions/listen";
    await this.raw.sendLine(
      `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"${method}","params":${params}}`,
    );
    const { message } = await acknowledged;
    const first = this.onStream(id)[0];
    assert.equal(first?.method, ACKNOWLEDGED);
    return message.params?.notifications;
  }

  cancel(id: string | number): Promise<void> {
    return this.raw.notify("notifications/cancelled", { requestId: id });
  }

  /** Returns the messages of a stream. */
  onStream(id: string | number): Message[] {
    return this.messages.filter((message) => idOf(message) === id);
  }

  /** Returns the methods of the notifications of a stream, without the first. */
  methodsOn(id: string | number): (string | undefined)[] {
    return this.onStream(id).slice(1).map(({ method }) => method);
  }

  get messages(): Message[] {
    return this.raw.receivedMessages.map(({ message }) => message);
  }
}

/** Returns the id of the stream that a message belongs to. */
function idOf({ params, result }: Message): unknown {
  return ((params ?? result)?._meta as Fields | undefined)?.[SUBSCRIPTION_ID];
}

Deno.test("[eras.listen] [eras.listen-end] the first message of a stream says what is honoured, and has its id", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
  for (const id of ["l1", 7, 0, "7", "é\"'"]) {
    assert.deepEqual(await client.listen(id, { ...all, taskIds: ["x"] }), {
      promptsListChanged: true,
      resourcesListChanged: true,
    });
  }
  assert.deepEqual(await client.listen("some", { promptsListChanged: true }), {
    promptsListChanged: true,
  });
  const nothing = { toolsListChanged: 1, promptsListChanged: false, resourcesListChanged: "true" };
  for (const [index, wanted] of [{}, nothing].entries()) {
    assert.deepEqual(await client.listen(`nothing ${index}`, wanted), {});
  }
  assert.ok(client.messages.every(({ result }) => result === undefined));
});

Deno.test("[eras.listen] changes of tools are honoured if tools are shown directly", async () => {
  await using fixture = await ListeningFixture.open({ flags: { face: "direct" } });
  const client = fixture.connect();
  assert.deepEqual(await client.listen(1, { toolsListChanged: true }), { toolsListChanged: true });
  const { result } = await client.request("tools/list");
  assert.ok(Array.isArray(result?.tools));
  await client.request("tools/call", {
    name: "first__change",
    arguments: { kind: "tools", name: "new" },
  });
  await waitUntil("the change has arrived", () => client.methodsOn(1).length > 0);
  assert.deepEqual(client.methodsOn(1), [LISTS_CHANGED[0]]);
});

Deno.test("[eras.listen] invalid parameters are refused", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  const invalid = [
    {},
    { notifications: null },
    { notifications: [] },
    { notifications: { resourceSubscriptions: "a:b" } },
    { notifications: { resourceSubscriptions: ["a:b", 7] } },
  ];
  for (const params of invalid) {
    const { error } = await client.request("subscriptions/listen", params);
    assert.equal(error?.code, -32602, JSON.stringify(params));
  }
});

Deno.test("[eras.listen-changes] [eras.changes] changes reach the streams that listen to the list, once for several", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  const stranger = fixture.connect();
  for (const method of ["prompts/list", "resources/list", "tools/list"]) {
    await client.request(method);
    await stranger.request(method);
  }
  await client.listen("prompts", { promptsListChanged: true });
  await client.listen("both", { promptsListChanged: true, resourcesListChanged: true });
  await client.listen("idle", {});
  await client.callForText("change", { kind: "prompts", name: "new", times: 5 });
  await waitUntil("the change has arrived", () => {
    return ["prompts", "both"].every((id) => client.methodsOn(id).length > 0);
  });
  await client.callForText("change", { kind: "resources", name: "new://x" });
  await waitUntil("the change has arrived", () => client.methodsOn("both").length > 1);
  const [, resources, prompts] = LISTS_CHANGED;
  assert.deepEqual(client.methodsOn("prompts"), [prompts]);
  assert.deepEqual(client.methodsOn("both"), [prompts, resources]);
  assert.deepEqual(client.methodsOn("idle"), []);
  const unsolicited = [...client.messages, ...stranger.messages].filter((message) => {
    return LISTS_CHANGED.includes(message.method ?? "") && idOf(message) === undefined;
  });
  assert.deepEqual(unsolicited, []);
  assert.equal(stranger.messages.some(({ method }) => method !== undefined), false);
});

Deno.test("[eras.listen-changes] a stream that was cancelled is not answered, and receives nothing", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  await client.request("prompts/list");
  for (const id of [1, 2]) await client.listen(id, { promptsListChanged: true });
  await client.cancel(1);
  await client.callForText("change", { kind: "prompts", name: "new" });
  await waitUntil("the change has arrived", () => client.methodsOn(2).length > 0);
  assert.deepEqual(client.methodsOn(1), []);
  assert.equal(client.messages.some(({ id }) => id === 1), false);
});

Deno.test("[eras.listen-updates] a subscription lasts as long as a stream has it", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  const uri = "own://first";
  const subscribed = async () => JSON.parse(await client.callForText("subscribed"));
  await client.request("resources/list");
  const uris = [uri, "nowhere://x", uri, "own://first/a"];
  const honoured = { resourceSubscriptions: [uri, "own://first/a"] };
  assert.deepEqual(await client.listen("one", { resourceSubscriptions: uris }), honoured);
  assert.deepEqual(await client.listen("two", { resourceSubscriptions: [uri] }), {
    resourceSubscriptions: [uri],
  });
  await client.listen("three", { promptsListChanged: true });
  assert.deepEqual((await subscribed()).toSorted(), [uri, "own://first/a"]);

  await client.callForText("update", { uri });
  await waitUntil("the update has arrived", () => client.methodsOn("two").length > 0);
  for (const id of ["one", "two"]) {
    const [, { method, params } = {}] = client.onStream(id);
    assert.equal(method, UPDATED);
    assert.deepEqual(params, {
      _meta: { [SUBSCRIPTION_ID]: id },
      uri,
      title: "new",
      odd: [1],
    });
  }
  assert.deepEqual(client.methodsOn("three"), []);
  assert.equal(client.raw.notificationParams(UPDATED).length, 2);

  await client.cancel("one");
  await waitUntil("a subscription has ended", async () => (await subscribed()).length === 1);
  assert.deepEqual(await subscribed(), [uri]);
  await client.cancel("two");
  await waitUntil("all subscriptions have ended", async () => (await subscribed()).length === 0);
  assert.deepEqual(await client.listen("four", { resourceSubscriptions: [uri] }), {
    resourceSubscriptions: [uri],
  });
  assert.deepEqual(await subscribed(), [uri]);
});

Deno.test("[eras.listen-updates] updates of a resource that the rules deny are not sent", async () => {
  const denied = { deny: { resources: { first: ["own://first"] } } };
  await using fixture = await ListeningFixture.open({ rules: denied });
  const client = fixture.connect();
  await client.request("resources/list");
  const uris = ["own://first", "own://first/a"];
  const wanted = { resourceSubscriptions: uris };
  assert.deepEqual(await client.listen(1, wanted), { resourceSubscriptions: ["own://first/a"] });
  await fixture.reload({ agents: { tester: { allow: { servers: ["*"] } } } });
  assert.deepEqual(await client.listen(2, wanted), wanted);
  await fixture.reload({ agents: { tester: { allow: { servers: ["*"] }, ...denied } } });
  for (const uri of uris) await client.callForText("update", { uri });
  await waitUntil("the update has arrived", () => client.methodsOn(2).length > 0);
  await client.request("tools/list");
  const updated = client.raw.notificationParams(UPDATED).map(({ uri }) => uri);
  assert.deepEqual(new Set(updated), new Set(["own://first/a"]));
});

Deno.test("[eras.listen-ends] streams end with their results when the gateway ends", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  await client.listen("one", { promptsListChanged: true });
  await client.listen(2, {});
  await fixture.end();
  for (const id of ["one", 2]) {
    const { result } = client.messages.find((message) => message.id === id) ?? assert.fail();
    assert.equal(result?.resultType, "complete");
    assert.equal(idOf({ result: result ?? {} }), id);
  }
});

Deno.test("[eras.listen-ends] streams end with their results when their agent is gone", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  await client.listen("one", { promptsListChanged: true });
  const answer = client.raw.waitForAnswer("one");
  await fixture.reload({ agents: { other: { allow: { servers: ["*"] } } } });
  assert.equal(idOf((await answer).message), "one");
  // A connection without an agent is offered nothing.
  assert.deepEqual(await client.listen("two", { promptsListChanged: true }), {});
});

Deno.test("[eras.listen-limits] a client has at most 64 streams, and the others continue", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  for (let id = 1; id <= 64; id++) await client.listen(id, {});
  const listen = (id: number, notifications: Fields) => {
    return client.request("subscriptions/listen", { notifications }, id);
  };
  assert.equal((await listen(65, {})).error?.code, -32005);
  await client.cancel(1);
  await client.listen(66, { promptsListChanged: true });
  assert.equal((await listen(67, {})).error?.code, -32005);
  assert.ok((await client.request("tools/list")).result);
});

Deno.test("[eras.listen-limits] each subscription counts towards the limits of the agent", async () => {
  await using fixture = await ListeningFixture.open({ rules: { limits: { per_minute: 4 } } });
  const client = fixture.connect();
  const uris = ["a", "b", "c", "d", "e"].map((name) => `own://first/${name}`);
  assert.deepEqual(await client.listen(1, { resourceSubscriptions: uris }), {
    resourceSubscriptions: uris.slice(0, 3),
  });
  const { error } = await client.request("subscriptions/listen", { notifications: {} });
  assert.equal(error?.code, -32005);
});

Deno.test("[eras.listen-limits] all streams of a client have at most 1,000 resources", async () => {
  await using fixture = await ListeningFixture.open();
  const client = fixture.connect();
  const listen = (count: number, id: number) => {
    const uris = Array.from({ length: count }, (_, index) => `nowhere://${index}`);
    return client.request("subscriptions/listen", {
      notifications: { resourceSubscriptions: uris },
    }, id);
  };
  for (const count of [1001, 500_000]) {
    assert.equal((await listen(count, count)).error?.code, -32602);
  }
  const uris = Array.from({ length: 600 }, (_, index) => `nowhere://${index}`);
  assert.deepEqual(await client.listen(1, { resourceSubscriptions: uris }), {});
  assert.equal((await listen(401, 2)).error?.code, -32005);
  assert.deepEqual(await client.listen(3, { resourceSubscriptions: uris.slice(0, 400) }), {});
  await client.cancel(1);
  assert.deepEqual(await client.listen(4, { resourceSubscriptions: uris }), {});
});
