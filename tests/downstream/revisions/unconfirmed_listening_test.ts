import assert from "node:assert/strict";
import { Listening } from "../../../src/downstream/revisions/v2026/listening.ts";
import { RequestMeta } from "../../../src/downstream/revisions/v2026/request_meta.ts";
import { Cancellation, createMemoryChannels, Peer } from "../../../src/jsonrpc/mod.ts";
import { waitUntil } from "../../e2e/wait.ts";

Deno.test("[remote.stateless-listening] a server that does not confirm a request for notifications gets no further one", async () => {
  const [near, far] = createMemoryChannels();
  const received: { id: number; params: { notifications: { resourceSubscriptions: string[] } } }[] =
    [];
  far.open({
    message: (text) => void received.push(JSON.parse(text)),
    dropped: () => {},
    closed: () => {},
  });
  const peer = new Peer(near, {
    request: () => {},
    notification: (method, params) => void listening.receive(method, params),
    unexpected: (description) => assert.fail(description),
    closed: () => {},
  });
  const listening = new Listening({
    meta: new RequestMeta({}, "1"),
    isHttp: false,
    onListsChanged: () => {},
    onResourceUpdated: () => {},
  });
  listening.start(peer, { tools: { listChanged: true } });
  await waitUntil("the first request arrives", () => received.length === 1);
  const stopped = new Cancellation();
  for (let index = 0; index < 20; index++) {
    const subscribing = listening.subscribe(`a:${index}`, stopped);
    listening.unsubscribe(`a:${index - 2}`);
    subscribing.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.equal(received.length, 1);
  const confirm = (index: number): void => {
    const { id, params: { notifications } } = received[index] ?? assert.fail();
    const _meta = { "io.modelcontextprotocol/subscriptionId": id };
    const params = JSON.stringify({ _meta, notifications });
    far.send(
      `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":${params}}`,
    );
  };
  const last = listening.subscribe("a:19", stopped);
  confirm(0);
  await waitUntil("the second request arrives", () => received.length === 2);
  const { resourceSubscriptions } = received[1]?.params.notifications ?? assert.fail();
  assert.deepEqual(resourceSubscriptions, ["a:18", "a:19"]);
  confirm(1);
  assert.ok((await last).ok);
  listening.close();
  await peer.close();
});
