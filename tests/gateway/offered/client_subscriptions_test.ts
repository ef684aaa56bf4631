import assert from "node:assert/strict";
import type { DownstreamServer, SubscriptionCall } from "../../../src/downstream/mod.ts";
import { ClientSubscriptions } from "../../../src/gateway/offered/mod.ts";
import { createMemoryChannels } from "../../../src/jsonrpc/mod.ts";
import { NO_SPAN } from "../../../src/trace.ts";
import { TempFolder } from "../../config/temp_folder.ts";
import { FakeClient } from "../../contract/fake_client.ts";
import { offeringServer } from "../../e2e/gateway.ts";
import { openGateway } from "../in_process.ts";
import { MemoryClient } from "./memory_gateway.ts";

/** A server that records its requests. */
class RecordingServer {
  readonly config = { name: "files" };
  readonly requests: string[] = [];
  /** Resolves when the server answers. */
  readonly answer = Promise.withResolvers<void>();

  async subscribe({ uri }: SubscriptionCall): Promise<{ readonly reply: { readonly ok: true } }> {
    this.requests.push(`+${uri}`);
    await this.answer.promise;
    return { reply: { ok: true } };
  }

  async unsubscribe({ uri }: SubscriptionCall): Promise<void> {
    this.requests.push(`-${uri}`);
    await this.answer.promise;
  }

  asServer(): DownstreamServer {
    return this as unknown as DownstreamServer;
  }
}

Deno.test("[offered.subscriptions] a subscription that ends while others are made again after a reload stays ended", async () => {
  const caller = new FakeClient("1").asAgent("a");
  const subscriptions = new ClientSubscriptions();
  const [previous, next] = [new RecordingServer(), new RecordingServer()];
  previous.answer.resolve();
  const callFor = (uri: string) => ({ uri, span: NO_SPAN, signal: new AbortController().signal });
  for (const uri of ["a", "b"]) {
    await subscriptions.add(callFor(uri), { server: previous.asServer(), caller });
  }
  const adapted = subscriptions.adapt(caller, {
    findServer: () => next.asServer(),
    onUpdated: () => {},
  });
  await subscriptions.remove(callFor("b"), caller);
  next.answer.resolve();
  await adapted;
  assert.deepEqual(next.requests, ["+a"]);
  assert.deepEqual(previous.requests, ["+a", "+b", "-a", "-b"]);
});

Deno.test("[offered.subscriptions] a subscription pauses while the rules deny its resource, and then continues", async () => {
  const caller = new FakeClient("1").asAgent("a");
  const subscriptions = new ClientSubscriptions();
  const server = new RecordingServer();
  server.answer.resolve();
  const callFor = (uri: string) => ({ uri, span: NO_SPAN, signal: new AbortController().signal });
  const updated: string[] = [];
  const adapt = async (isAllowed: boolean): Promise<void> => {
    await subscriptions.adapt(caller, {
      findServer: () => isAllowed ? server.asServer() : undefined,
      onUpdated: (uri) => updated.push(uri),
    });
  };
  for (const uri of ["a", "b"]) {
    await subscriptions.add(callFor(uri), { server: server.asServer(), caller });
  }
  await adapt(false);
  await adapt(false);
  // A client that unsubscribes meanwhile hears of no update again.
  await subscriptions.remove(callFor("b"), caller);
  assert.deepEqual(updated, []);
  await adapt(true);
  await adapt(true);
  assert.deepEqual(server.requests, ["+a", "+b", "-a", "-b", "+a"]);
  assert.deepEqual(updated, ["a"]);
});

Deno.test("[offered.subscriptions] the servers of a client that has lost its stream stay while it has subscriptions", async () => {
  using folder = new TempFolder();
  folder.write("mcp.json", { mcpServers: { odd: offeringServer() } });
  folder.write("rules.json", { agents: { a: { allow: { servers: ["*"] } } } });
  const { gateway } = await openGateway(folder, {});
  const [gatewayChannel, clientChannel] = createMemoryChannels();
  const connected = gateway.connect(gatewayChannel, { agent: "a", onClosed: () => {} });
  const client = new MemoryClient(clientChannel);
  await client.request("initialize", { protocolVersion: "2025-11-25", capabilities: {} });
  const readPid = async (): Promise<string> => {
    const call = { name: "execute_tool", arguments: { server: "odd", tool: "pid", args: {} } };
    const { result } = await client.request("tools/call", call);
    return result.content[0].text;
  };
  const uri = "note://one";
  assert.deepEqual((await client.request("resources/subscribe", { uri })).result, {});
  const pid = await readPid();
  connected.releaseServers();
  assert.equal(await readPid(), pid);
  await client.request("resources/unsubscribe", { uri });
  connected.releaseServers();
  assert.notEqual(await readPid(), pid);
  connected.disconnect();
  await gateway.end({
    callsMs: 0,
    gracePeriods: { afterInputCloseMs: 500, afterTerminateMs: 500 },
  });
});
