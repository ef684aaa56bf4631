import assert from "node:assert/strict";
import type { DownstreamServer, SubscriptionCall } from "../../../src/downstream/mod.ts";
import { ClientSubscriptions } from "../../../src/gateway/offered/mod.ts";
import { NO_SPAN } from "../../../src/trace.ts";
import { FakeClient } from "../../contract/fake_client.ts";

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
