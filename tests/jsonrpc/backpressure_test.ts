import assert from "node:assert/strict";
import { JsonText, LineChannel, Peer } from "../../src/jsonrpc/mod.ts";
import { settle, TestByteSink, TestByteSource } from "./byte_streams.ts";

const MB = 1024 * 1024;

Deno.test("[protocol.backpressure] messages sent during a write leave in one write", async () => {
  const writes: number[] = [];
  const writable = new WritableStream<Uint8Array>({
    write: async (chunk) => {
      await settle();
      writes.push(chunk.length);
    },
  });
  const channel = new LineChannel(new TestByteSource().readable, writable);
  for (let count = 0; count < 3; count++) channel.send("a");
  await Promise.resolve();
  await Promise.resolve();
  for (let count = 0; count < 100; count++) channel.send("b");
  await channel.flush();
  assert.deepEqual(writes, [6, 200]);
  await channel.close();
});

Deno.test("[protocol.backpressure] flush does not wait for messages that are sent later", async () => {
  let count = 0;
  // Each write causes the next one, forever.
  const writable = new WritableStream<Uint8Array>({
    write: () => {
      if (++count < 1000) channel.send("more");
    },
  });
  const channel: LineChannel = new LineChannel(new TestByteSource().readable, writable);
  channel.send("first");
  await channel.flush();
  assert.ok(count < 5, `waited for ${count} writes`);
  await channel.close();
});

/** Simulates a side that requests 8 MiB twenty times and reads nothing. */
async function askAndNotRead(
  options: { pauseWhenUnread?: boolean },
): Promise<{ soon: number; taken: number; unread: number; takenAfter: number; written: number }> {
  const source = new TestByteSource();
  let gate = Promise.withResolvers<void>();
  let written = 0;
  const writable = new WritableStream<Uint8Array>({
    write: async (chunk) => {
      await gate.promise;
      written += chunk.length;
    },
  });
  const payload = new JsonText(`{"a":"${"x".repeat(8 * MB)}"}`);
  let taken = 0;
  const peer = new Peer(new LineChannel(source.readable, writable, options), {
    request: (request) => {
      taken++;
      request.reply(payload);
    },
    notification: () => {},
    unexpected: () => {},
    closed: () => {},
  });
  for (let id = 0; id < 20; id++) source.push(`{"jsonrpc":"2.0","id":${id},"method":"m"}\n`);
  await settle();
  const soon = taken;
  if (options.pauseWhenUnread !== true) { while (taken < 20) await settle(); }
  const before = { soon, taken, unread: source.unread };
  gate.resolve();
  while (taken < 20) await settle();
  await peer.flush();
  // Written messages no longer count: there is room again.
  gate = Promise.withResolvers<void>();
  for (const id of [20, 21, 22]) source.push(`{"jsonrpc":"2.0","id":${id},"method":"m"}\n`);
  await settle();
  gate.resolve();
  await peer.close();
  return { ...before, takenAfter: taken, written };
}

Deno.test("[protocol.backpressure] a side that reads nothing is not read from, until it reads", async () => {
  const { taken, unread, takenAfter, written } = await askAndNotRead({ pauseWhenUnread: true });
  // 64 MiB may be queued, plus the message that exceeds it.
  assert.ok(taken >= 8 && taken <= 10, `${taken} requests were taken`);
  assert.equal(taken + unread, 20);
  assert.equal(takenAfter, 23);
  assert.ok(written > 160 * MB);
});

Deno.test("[protocol.backpressure] by default reading continues, but slowly, to save memory", async () => {
  const { soon, taken, unread } = await askAndNotRead({});
  assert.ok(soon >= 8 && soon <= 10, `${soon} requests were taken at once`);
  assert.deepEqual([taken, unread], [20, 0]);
});

Deno.test("[protocol.backpressure] a pipe that is always full lets everything else run", async () => {
  const lines = new TextEncoder().encode("a\n".repeat(1000));
  let [reads, hasRun] = [0, false];
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (hasRun || ++reads > 50_000) controller.close();
      else controller.enqueue(lines);
    },
  }, { highWaterMark: 0 });
  const closed = Promise.withResolvers<void>();
  const channel = new LineChannel(source, new TestByteSink().writable);
  channel.open({ message: () => {}, dropped: () => {}, closed: () => closed.resolve() });
  setTimeout(() => hasRun = true);
  await closed.promise;
  assert.ok(hasRun, "the timer had to wait until the pipe was empty");
  await channel.close();
});
