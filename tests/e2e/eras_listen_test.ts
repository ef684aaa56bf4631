import assert from "node:assert/strict";
import { claim, EarlierClient, StatelessClient, statelessHeaders } from "./eras_clients.ts";
import { describeStdioServer, type EraServer } from "./eras_servers.ts";
import { type Fields, type RunningGateway, startGateway, type TransportKind } from "./gateway.ts";
import type { Message } from "./raw_client.ts";
import { waitUntil, withTimeout } from "./wait.ts";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

/** A `subscriptions/listen` request, and the messages that it gets. */
interface ListenStream {
  readonly messages: readonly Message[];
  /** Settles when no more messages come; over stdio, when the answer has come. */
  readonly ended: Promise<void>;
  /** Cancels the request. */
  cancel(): Promise<void>;
}

/** Opens a stream with an id. */
function listen(gateway: RunningGateway, id: string | number, notifications: Fields): ListenStream {
  const params = { notifications, _meta: claim() };
  const request = { jsonrpc: "2.0", id, method: "subscriptions/listen", params };
  return gateway.url === "" ? listenOnPipe(gateway, request) : listenOverHttp(gateway, request);
}

function listenOnPipe({ client }: RunningGateway, request: Message): ListenStream {
  const { id } = request;
  const isOfStream = (message: Message) => {
    const meta = (message.params?._meta ?? message.result?._meta ?? {}) as Fields;
    return meta[SUBSCRIPTION_ID] === id || message.id === id;
  };
  const ended = client.waitForAnswer(id ?? null).then(() => {});
  ended.catch(() => {});
  void client.sendLine(JSON.stringify(request));
  return {
    get messages() {
      return client.receivedMessages.map(({ message }) => message).filter(isOfStream);
    },
    ended,
    cancel: () => client.notify("notifications/cancelled", { requestId: id }),
  };
}

function listenOverHttp({ url }: RunningGateway, request: Message): ListenStream {
  const messages: Message[] = [];
  const controller = new AbortController();
  const read = async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: statelessHeaders(request),
      body: JSON.stringify(request),
      signal: controller.signal,
    });
    assert.equal(response.status, 200);
    let rest = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (rest + chunk).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const [, data = ""] = /^data: (.+)$/m.exec(event) ?? [];
        if (data !== "") messages.push(JSON.parse(data));
      }
    }
  };
  const ended = read().catch((error) => {
    if (!controller.signal.aborted) throw error;
  });
  return {
    messages,
    ended,
    cancel: async () => {
      controller.abort();
      await ended;
    },
  };
}

function startListening(
  transport: TransportKind,
  servers: readonly EraServer[],
): Promise<RunningGateway> {
  return startGateway({
    transport,
    servers: Object.fromEntries(servers.map(({ name, entry }) => [name, entry])),
    initialize: false,
    args: ["--agent", "tester", "--face", "direct"],
  });
}

for (const transport of ["stdio", "http"] as const) {
  Deno.test(`[eras.changes] changes of servers of both eras reach a stateless client over ${transport}`, async (t) => {
    const folder = Deno.makeTempDirSync();
    using cleanup = new DisposableStack();
    cleanup.defer(() => Deno.removeSync(folder, { recursive: true }));
    const servers = (["earlier", "stateless"] as const).map((era) => {
      return describeStdioServer(era, folder);
    });
    await using gateway = await startListening(transport, servers);
    const client = StatelessClient.connect(gateway);
    const callServer = (server: EraServer, tool: string, args: Fields) => {
      return client.request("tools/call", { name: `${server.name}__${tool}`, arguments: args });
    };
    for (const server of servers) {
      await waitUntil(`the tools of ${server.name} are listed`, async () => {
        const { result } = await client.request("tools/list", {});
        const tools = result?.tools as { name: string }[];
        return tools.some(({ name }) => name === `${server.name}__change`);
      });
    }
    for (const [index, server] of servers.entries()) {
      const uri = `${server.name}://plain`;
      await client.request("resources/list", {});
      await client.request("prompts/list", {});
      // The type of the id is that of the request.
      const id = index === 0 ? "listening" : 4711;
      const stream = listen(gateway, id, {
        toolsListChanged: true,
        resourcesListChanged: true,
        promptsListChanged: true,
        resourceSubscriptions: [uri, "nowhere://x"],
      });
      const waitFor = (method: string) => {
        return waitUntil(
          `${method} of ${server.name}`,
          () => stream.messages.some((message) => message.method === method),
        );
      };

      await t.step(
        `[eras.changes] the first message says what is honoured, with ${server.name}`,
        async () => {
          await waitFor("notifications/subscriptions/acknowledged");
          const [first] = stream.messages;
          assert.equal(first?.method, "notifications/subscriptions/acknowledged");
          assert.deepEqual(first?.params?.notifications, {
            toolsListChanged: true,
            resourcesListChanged: true,
            promptsListChanged: true,
            resourceSubscriptions: [uri],
          });
        },
      );

      for (const kind of ["tools", "resources", "prompts"]) {
        await t.step(
          `[eras.changes] a change of the ${kind} arrives, with ${server.name}`,
          async () => {
            await callServer(server, "change", { kind, name: `new-${kind}` });
            await waitFor(`notifications/${kind}/list_changed`);
          },
        );
      }

      await t.step(
        `[eras.changes] an update of a resource arrives, with ${server.name}`,
        async () => {
          await callServer(server, "update", { uri });
          await waitFor("notifications/resources/updated");
          const updated = stream.messages.find(({ method }) =>
            method === "notifications/resources/updated"
          );
          assert.equal(updated?.params?.uri, uri);
        },
      );

      await t.step(
        `[eras.changes] every message has the id of the stream, which ends without an answer when it is cancelled, with ${server.name}`,
        async () => {
          for (const { params } of stream.messages) {
            assert.equal((params?._meta as Fields)[SUBSCRIPTION_ID], id);
          }
          await stream.cancel();
          const count = stream.messages.length;
          await callServer(server, "update", { uri });
          await callServer(server, "change", { kind: "prompts", name: "after" });
          // A second stream hears of it, so the first one would have as well.
          const second = listen(gateway, "second", { promptsListChanged: true });
          await waitUntil("the second stream is open", () => second.messages.length > 0);
          await callServer(server, "change", { kind: "prompts", name: "after that" });
          await waitUntil("the second stream gets a change", () => second.messages.length > 1);
          await second.cancel();
          assert.equal(stream.messages.length, count);
        },
      );
    }
  });

  Deno.test(`[eras.listen-end] a stream for nothing, over ${transport}`, async () => {
    const folder = Deno.makeTempDirSync();
    using cleanup = new DisposableStack();
    cleanup.defer(() => Deno.removeSync(folder, { recursive: true }));
    await using gateway = await startGateway({
      transport,
      servers: {},
      initialize: false,
      args: ["--agent", "tester"],
    });
    const stream = listen(gateway, "nothing", { resourceSubscriptions: ["nowhere://x"] });
    await waitUntil("the stream is acknowledged", () => stream.messages.length > 0);
    assert.deepEqual(stream.messages[0]?.params?.notifications, {});
    if (transport === "http") {
      await withTimeout("the stream ends", stream.ended);
      const { result } = stream.messages.at(-1) ?? {};
      assert.equal(result?.resultType, "complete");
      assert.equal((result?._meta as Fields)[SUBSCRIPTION_ID], "nothing");
      return;
    }
    assert.deepEqual(
      (await StatelessClient.connect(gateway).send("ping", {})).message.error?.code,
      -32601,
    );
    assert.equal(stream.messages.length, 1);
    await stream.cancel();
  });
}

Deno.test("[eras.listen-end] an open stream ends with its result when the gateway ends", async () => {
  const folder = Deno.makeTempDirSync();
  using cleanup = new DisposableStack();
  cleanup.defer(() => Deno.removeSync(folder, { recursive: true }));
  await using gateway = await startListening("http", [describeStdioServer("earlier", folder)]);
  const stream = listen(gateway, 1, { toolsListChanged: true });
  await waitUntil("the stream is acknowledged", () => stream.messages.length > 0);
  gateway.program.sendSignal("SIGTERM");
  await withTimeout("the stream ends", stream.ended);
  const { result } = stream.messages.at(-1) ?? {};
  assert.equal(result?.resultType, "complete");
  assert.equal((result?._meta as Fields)[SUBSCRIPTION_ID], 1);
});

Deno.test("[eras.changes] earlier clients hear of changes of a stateless server as before", async () => {
  const folder = Deno.makeTempDirSync();
  using cleanup = new DisposableStack();
  cleanup.defer(() => Deno.removeSync(folder, { recursive: true }));
  const server = describeStdioServer("stateless", folder);
  await using gateway = await startListening("stdio", [server]);
  const client = await EarlierClient.connect(gateway);
  const uri = `${server.name}://plain`;
  await waitUntil("the resource is listed", async () => {
    const { result } = await client.request("resources/list", {});
    return (result?.resources as { uri: string }[]).some((resource) => resource.uri === uri);
  });
  await client.request("resources/subscribe", { uri });
  const call = (tool: string, args: Fields) => {
    return client.request("tools/call", { name: `${server.name}__${tool}`, arguments: args });
  };
  await waitUntil("an update arrives", async () => {
    await call("update", { uri });
    return client.raw.notificationParams("notifications/resources/updated").length > 0;
  });
  await call("change", { kind: "resources", name: "new" });
  await waitUntil("a change arrives", () => {
    return client.raw.notificationParams("notifications/resources/list_changed").length > 0;
  });
  for (const { message } of client.raw.receivedMessages) {
    assert.doesNotMatch(JSON.stringify(message), /io\.modelcontextprotocol\/subscriptionId/);
  }
});
