import assert from "node:assert/strict";
import { Budget } from "../../src/budget.ts";
import { JsonText, LineChannel, Peer, QUEUED_MESSAGE_LENGTH } from "../../src/jsonrpc/mod.ts";
import { settle, TestByteSink, TestByteSource } from "./byte_streams.ts";

const MIB = 1024 * 1024;

Deno.test("[protocol.backpressure] messages sent during a write leave in one write", async () => {
  const writeSizes: number[] = [];
  const writable = new WritableStream<Uint8Array>({
    write: async (chunk) => {
      await settle();
      writeSizes.push(chunk.length);
    },
  });
  const channel = new LineChannel(new TestByteSource().readable, writable);
  for (let count = 0; count < 3; count++) channel.send("a");
  // The channel begins its first write.
  await Promise.resolve();
  await Promise.resolve();
  for (let count = 0; count < 100; count++) channel.send("b");
  await channel.flush();
  assert.deepEqual(writeSizes, [6, 200]);
  await channel.close();
});

Deno.test("[memory.unread-session] a queued message counts in its memory until it has been written or withdrawn, and other messages in the memory of the other side", async () => {
  let readGate = Promise.withResolvers<void>();
  const writable = new WritableStream<Uint8Array>({ write: () => readGate.promise });
  const maxLength = 1000 + 2 * QUEUED_MESSAGE_LENGTH;
  const [otherSide, agent] = [new Budget(maxLength), new Budget(maxLength)];
  const channel = new LineChannel(new TestByteSource().readable, writable, { memory: otherSide });
  channel.send("1".repeat(99), agent);
  await settle();
  channel.send("2".repeat(199));
  const withdrawn = channel.send("3".repeat(399), agent);
  assert.deepEqual(
    [agent.used, otherSide.used],
    [500 + 2 * QUEUED_MESSAGE_LENGTH, 200 + QUEUED_MESSAGE_LENGTH],
  );
  assert.equal(channel.hasRoom(401), false);
  assert.equal(channel.withdraw(withdrawn), true);
  assert.deepEqual(
    [agent.used, otherSide.used],
    [100 + QUEUED_MESSAGE_LENGTH, 200 + QUEUED_MESSAGE_LENGTH],
  );
  assert.equal(channel.hasRoom(401), true);
  readGate.resolve();
  readGate = Promise.withResolvers();
  readGate.resolve();
  await channel.flush();
  assert.deepEqual([agent.used, otherSide.used], [0, 0]);
  await channel.close();
});

Deno.test("[memory.unread-session] a channel ends only because of its own queue, and frees the memory of the queue", async () => {
  const writable = new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) });
  const memory = new Budget(3000);
  memory.add(4000);
  const channel = new LineChannel(new TestByteSource().readable, writable, { memory });
  const closed = Promise.withResolvers<Error | undefined>();
  channel.open({ message: () => {}, dropped: () => {}, closed: closed.resolve });
  channel.send("1");
  await settle();
  channel.send("2".repeat(2000));
  assert.equal(memory.used, 6003 + 2 * QUEUED_MESSAGE_LENGTH);
  channel.send("3");
  assert.equal(memory.used, 4002 + QUEUED_MESSAGE_LENGTH);
  assert.match(String(await closed.promise), /no longer takes messages/);
});

Deno.test("[protocol.backpressure] flush does not wait for messages that are sent later", async () => {
  let writeCount = 0;
  // Each write causes the next one.
  const writable = new WritableStream<Uint8Array>({
    write: () => {
      if (++writeCount < 1000) channel.send("more");
    },
  });
  const channel: LineChannel = new LineChannel(new TestByteSource().readable, writable);
  channel.send("first");
  await channel.flush();
  assert.ok(writeCount < 5, `waited for ${writeCount} writes`);
  await channel.close();
});

/** Sends twenty requests to a peer, and only then begins to read its answers of 8 MiB each. */
async function requestBeforeReading(
  options: { pauseWhenUnread?: boolean },
): Promise<{
  /** Time until the peer had received the requests that it received before the test began to read, in ms. */
  durationMs: number;
  /** Number of requests that the peer received before the test began to read. */
  receivedCount: number;
  /** Number of requests that the peer had not read when the test began to read. */
  unreadCount: number;
  /** Number of requests that the peer received in total. */
  totalCount: number;
  /** Number of bytes that the test read. */
  readBytes: number;
}> {
  const source = new TestByteSource();
  let readGate = Promise.withResolvers<void>();
  let readBytes = 0;
  const writable = new WritableStream<Uint8Array>({
    write: async (chunk) => {
      await readGate.promise;
      readBytes += chunk.length;
    },
  });
  const payload = new JsonText(`{"a":"${"x".repeat(8 * MIB)}"}`);
  let receivedCount = 0;
  const peer = new Peer(new LineChannel(source.readable, writable, options), {
    request: (request) => {
      receivedCount++;
      request.reply(payload);
    },
    notification: () => {},
    unexpected: () => {},
    closed: () => {},
  });
  const startMs = performance.now();
  for (let id = 0; id < 20; id++) source.push(`{"jsonrpc":"2.0","id":${id},"method":"m"}\n`);
  const expectedCount = options.pauseWhenUnread === true ? 8 : 20;
  while (receivedCount < expectedCount) await settle();
  await settle();
  const durationMs = performance.now() - startMs;
  const beforeReading = { durationMs, receivedCount, unreadCount: source.unreadCount };
  readGate.resolve();
  while (receivedCount < 20) await settle();
  await peer.flush();
  // Written messages do not count as queued, so that further requests are received.
  readGate = Promise.withResolvers<void>();
  for (const id of [20, 21, 22]) source.push(`{"jsonrpc":"2.0","id":${id},"method":"m"}\n`);
  await settle();
  readGate.resolve();
  await peer.close();
  return { ...beforeReading, totalCount: receivedCount, readBytes };
}

Deno.test("[protocol.backpressure] with pauseWhenUnread, a channel stops reading while too much of what it sent is unread", async () => {
  const { receivedCount, unreadCount, totalCount, readBytes } = await requestBeforeReading({
    pauseWhenUnread: true,
  });
  // 64 MiB may be queued, plus the message that exceeds it.
  assert.ok(receivedCount >= 8 && receivedCount <= 10, `${receivedCount} requests were received`);
  assert.equal(receivedCount + unreadCount, 20);
  assert.equal(totalCount, 23);
  assert.ok(readBytes > 160 * MIB);
});

Deno.test("[protocol.backpressure] by default, a channel reads more slowly while too much of what it sent is unread", async () => {
  const { durationMs, receivedCount, unreadCount } = await requestBeforeReading({});
  // At most 10 requests are received immediately, and each further one 100 ms after the previous one.
  assert.ok(durationMs >= 900, `${durationMs} ms`);
  assert.deepEqual([receivedCount, unreadCount], [20, 0]);
});

Deno.test("[protocol.backpressure] reading from a pipe that is always full does not block timers", async () => {
  const chunk = new TextEncoder().encode("a\n".repeat(1000));
  let [readCount, hasTimerRun] = [0, false];
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (hasTimerRun || ++readCount > 50_000) controller.close();
      else controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
  const closed = Promise.withResolvers<void>();
  const channel = new LineChannel(source, new TestByteSink().writable);
  channel.open({ message: () => {}, dropped: () => {}, closed: () => closed.resolve() });
  setTimeout(() => hasTimerRun = true);
  await closed.promise;
  assert.ok(hasTimerRun, "The timer waited until the pipe was empty");
  await channel.close();
});
