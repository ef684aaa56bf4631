import assert from "node:assert/strict";
import {
  ChannelClosed,
  type IncomingRequest,
  LineChannel,
  Peer,
  type PeerHandler,
} from "../../src/jsonrpc/mod.ts";
import { settle, TestByteSink, TestByteSource } from "./byte_streams.ts";

const SILENT_HANDLER: PeerHandler = {
  request: () => {},
  notification: () => {},
  unexpected: () => {},
  closed: () => {},
};

Deno.test("[protocol.closing] when reading fails, pending and later requests are rejected with the cause", async () => {
  const source = new TestByteSource();
  const closed = Promise.withResolvers<Error | undefined>();
  const peer = new Peer(new LineChannel(source.readable, new TestByteSink().writable), {
    ...SILENT_HANDLER,
    closed: (cause) => closed.resolve(cause),
  });
  const request = peer.request("a");
  const cause = new Error("Connection reset");
  source.fail(cause);
  const isChannelClosed = (error: unknown): boolean =>
    error instanceof ChannelClosed && error.cause === cause;
  await assert.rejects(request, isChannelClosed);
  assert.equal(await closed.promise, cause);
  await assert.rejects(peer.request("b"), isChannelClosed);
  assert.equal(peer.pendingCount, 0);
  await peer.close();
});

Deno.test("[protocol.closing] after the end of reading, received requests can still be answered, until they are cancelled", async () => {
  const [source, sink] = [new TestByteSource(), new TestByteSink()];
  const incoming: IncomingRequest[] = [];
  const peer = new Peer(new LineChannel(source.readable, sink.writable), {
    ...SILENT_HANDLER,
    request: (request) => void incoming.push(request),
  });
  for (const id of [1, 2, 3]) source.push(`{"jsonrpc":"2.0","id":${id},"method":"m"}\n`);
  source.end();
  await settle();
  let areAllAnswered = false;
  const allAnswered = Promise.all([peer.allAnswered(), peer.allAnswered()]).then(() =>
    areAllAnswered = true
  );
  const [first, second, third] = incoming;
  assert.equal(first?.signal.aborted, false);
  first?.reply({ a: 1 });
  second?.fail({ code: 1, message: "m" });
  await settle();
  assert.equal(areAllAnswered, false);
  peer.cancelIncoming("the end");
  await allAnswered;
  assert.equal(third?.signal.reason, "the end");
  third?.reply({ too: "late" });
  await peer.allAnswered();
  await peer.close();
  assert.deepEqual(sink.lines(), [
    '{"jsonrpc":"2.0","id":1,"result":{"a":1}}',
    '{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"m"}}',
  ]);
  assert.equal(sink.isClosed, true);
});

Deno.test("[protocol.closing] sending into a broken pipe does not fail", async () => {
  const [source, sink] = [new TestByteSource(), new TestByteSink()];
  const peer = new Peer(new LineChannel(source.readable, sink.writable), SILENT_HANDLER);
  sink.break();
  const controller = new AbortController();
  const request = peer.request("a", undefined, { signal: controller.signal });
  await peer.flush();
  peer.notify("b");
  controller.abort("no longer");
  await assert.rejects(request, (reason) => reason === "no longer");
  await peer.flush();
  source.end();
  await settle();
  await peer.close();
  await peer.close();
  assert.equal(sink.text(), "");
});

Deno.test("[protocol.closing] closing a peer cancels its reading and discards an incomplete message", async () => {
  const source = new TestByteSource();
  const unexpectedMessages: string[] = [];
  const peer = new Peer(new LineChannel(source.readable, new TestByteSink().writable), {
    ...SILENT_HANDLER,
    unexpected: (description) => void unexpectedMessages.push(description),
  });
  source.push('{"jsonrpc":"2.0","id":1,');
  await settle();
  await peer.close();
  assert.equal(source.isCancelled, true);
  assert.deepEqual(unexpectedMessages, []);
});

Deno.test("[protocol.closing] a channel closes although messages are still sent", async () => {
  const sink = new TestByteSink();
  const channel = new LineChannel(new TestByteSource().readable, sink.writable);
  let isClosed = false;
  const sendRepeatedly = async (): Promise<void> => {
    while (!isClosed) {
      channel.send("more");
      await settle();
    }
  };
  channel.send("first");
  const sending = sendRepeatedly();
  await channel.flush();
  await channel.close();
  isClosed = true;
  await sending;
  assert.equal(sink.lines()[0], "first");
});

Deno.test("[protocol.closing] answers still arrive after writing has ended", async () => {
  const [source, sink] = [new TestByteSource(), new TestByteSink()];
  const channel = new LineChannel(source.readable, sink.writable);
  const peer = new Peer(channel, SILENT_HANDLER);
  const request = peer.request("a");
  await channel.endWriting();
  assert.equal(sink.isClosed, true);
  source.push('{"jsonrpc":"2.0","id":1,"result":{"a":1}}\n');
  const reply = await request;
  assert.ok(reply.ok);
  assert.equal(reply.result.text.json, '{"a":1}');
  await peer.close();
});

Deno.test("[protocol.closing] a process that closes its input but continues is disconnected", async () => {
  const answer = '{"jsonrpc":"2.0","id":1,"result":{"last":"words"}}';
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `exec 0<&-; trap "echo '$ANSWER'" USR1; echo ready; while :; do sleep 0.1; done`,
    ],
    env: { ANSWER: answer },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<Error | undefined>();
  const peer = new Peer(new LineChannel(child.stdout, child.stdin), {
    ...SILENT_HANDLER,
    unexpected: () => ready.resolve(),
    closed: (cause) => closed.resolve(cause),
  });
  await ready.promise;
  const [answeredRequest, unansweredRequest] = [peer.request("a"), peer.request("b")];
  const rejection = assert.rejects(unansweredRequest, ChannelClosed);
  await peer.flush();
  // The peer still receives messages of the process.
  child.kill("SIGUSR1");
  assert.equal((await answeredRequest).ok, true);
  await rejection;
  assert.match(String(await closed.promise), /no longer takes messages/);
  child.kill("SIGKILL");
  await child.status;
  await peer.close();
});
