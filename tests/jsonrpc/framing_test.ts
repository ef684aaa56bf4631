import assert from "node:assert/strict";
import { LineSplitter } from "../../src/jsonrpc/line_splitter.ts";
import { type DroppedMessage, LineChannel, MAX_MESSAGE_BYTES } from "../../src/jsonrpc/mod.ts";
import { TestByteSink } from "./byte_streams.ts";

const MB = 1024 * 1024;

/** A stream of lines of one repeated character, read in chunks of 64 KiB as from a pipe. */
function streamLines(sizes: readonly number[]): ReadableStream<Uint8Array> {
  const piece = new Uint8Array(64 * 1024).fill(97);
  const left = [...sizes];
  return new ReadableStream({
    pull: (controller) => {
      const [size] = left;
      if (size === undefined) return controller.close();
      left[0] = size - piece.length;
      if (size >= piece.length) return controller.enqueue(piece);
      left.shift();
      controller.enqueue(new TextEncoder().encode("a".repeat(size) + "\n"));
    },
  }, { highWaterMark: 0 });
}

interface Received {
  readonly sizes: number[];
  readonly dropped: DroppedMessage[];
}

async function receive(readable: ReadableStream<Uint8Array>): Promise<Received> {
  const received: Received = { sizes: [], dropped: [] };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  new LineChannel(readable, new TestByteSink().writable).open({
    message: (text, bytes) => {
      assert.equal(text.length, bytes);
      received.sizes.push(bytes);
    },
    dropped: (message) => received.dropped.push(message),
    closed: (cause) => cause === undefined ? resolve() : reject(cause),
  });
  await promise;
  return received;
}

Deno.test("[protocol.too-long] 64 MiB pass; a longer message is skipped and reported with its size", async () => {
  assert.equal(MAX_MESSAGE_BYTES, 64 * MB);
  const { sizes, dropped } = await receive(streamLines([64 * MB, 64 * MB + 1, 5, 100 * MB, 6]));
  assert.deepEqual(sizes, [64 * MB, 5, 6]);
  const ends = { head: "a".repeat(1024), tail: "a".repeat(1024) };
  assert.deepEqual(dropped, [
    { reason: "too-long", bytes: 64 * MB + 1, ...ends },
    { reason: "too-long", bytes: 100 * MB, ...ends },
  ]);
});

Deno.test("[protocol.too-long] a carriage return at the end does not count", () => {
  for (const size of [10, 11, 12]) {
    for (const pieces of [[`${"a".repeat(size)}\r\n`], ["a".repeat(size), "\r", "\n"]]) {
      const events: (string | number)[] = [];
      const splitter = new LineSplitter(11, {
        line: (line) => events.push(new TextDecoder().decode(line)),
        tooLong: ({ bytes }) => events.push(bytes),
      });
      for (const piece of pieces) splitter.push(new TextEncoder().encode(piece));
      assert.deepEqual(events, size <= 11 ? ["a".repeat(size)] : [size]);
    }
  }
});

Deno.test("[protocol.too-long] a skipped line is not kept in memory", () => {
  const dropped: number[] = [];
  const splitter = new LineSplitter(MB, {
    line: () => assert.fail("the line is too long"),
    tooLong: ({ bytes }) => dropped.push(bytes),
  });
  const piece = new Uint8Array(MB).fill(97);
  const before = Deno.memoryUsage().external;
  let most = 0;
  for (let count = 0; count < 512; count++) {
    splitter.push(piece);
    most = Math.max(most, Deno.memoryUsage().external - before);
  }
  splitter.end();
  assert.deepEqual(dropped, [512 * MB]);
  assert.ok(most < 32 * MB, `${most} bytes were held`);
});

Deno.test("[protocol.framing] a line that arrives byte by byte does not keep its read buffers", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter(MB, {
    line: (line) => lines.push(new TextDecoder().decode(line)),
    tooLong: () => assert.fail("the line is not too long"),
  });
  const buffer = new Uint8Array(64 * 1024);
  for (const character of '{"a":"b"}\n'.repeat(2)) {
    // Every read reuses the buffer: a kept chunk now has other content.
    buffer.fill(character.charCodeAt(0));
    splitter.push(buffer.subarray(7, 8));
  }
  assert.deepEqual(lines, ['{"a":"b"}', '{"a":"b"}']);
});

Deno.test("[protocol.framing] the buffer of a long line is released, whether it is passed on or skipped", () => {
  for (const size of [4 * MB, 4 * MB + 2]) {
    const rooms: number[] = [];
    const splitter = new LineSplitter(4 * MB, {
      line: (line) => rooms.push(line.buffer.byteLength),
      tooLong: ({ bytes }) => rooms.push(bytes),
    });
    for (const piece of ["a".repeat(100_000), "a".repeat(size - 100_000), "\n", "a", "b\n"]) {
      splitter.push(new TextEncoder().encode(piece));
    }
    const [long = 0, short = 0] = rooms;
    assert.ok(long >= size && short <= MB, `${rooms}`);
  }
});

/** Returns the shortest time of three runs, in milliseconds. */
async function measure(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 3; count++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}

Deno.test("[protocol.framing-linear] reading takes linear time", async () => {
  const read = (size: number) => measure(() => receive(streamLines([size])));
  const [small, big] = [await read(8 * MB), await read(64 * MB)];
  // The size is 8 times as large; quadratic time would be 64 times as long.
  assert.ok(big < 30 * small, `8 MiB: ${small} ms, 64 MiB: ${big} ms`);
});

Deno.test("[protocol.framing-linear] many short lines in one chunk take linear time too", async () => {
  const read = (count: number) => {
    const bytes = new TextEncoder().encode("ab\n".repeat(count));
    return measure(async () => {
      let lines = 0;
      const splitter = new LineSplitter(MB, { line: () => lines++, tooLong: () => assert.fail() });
      splitter.push(bytes);
      assert.equal(lines, count);
    });
  };
  const [small, big] = [await read(50_000), await read(400_000)];
  assert.ok(big < 30 * small, `50,000 lines: ${small} ms, 400,000 lines: ${big} ms`);
});

Deno.test("[protocol.framing-linear] writing takes linear time", async () => {
  const write = (size: number) => {
    // Not Latin-1, so that V8 cannot skip copying or encoding.
    const text = `\u20ac${"a".repeat(size)}`;
    return measure(async () => {
      let bytes = 0;
      const writable = new WritableStream<Uint8Array>({
        write: (chunk) => void (bytes += chunk.length),
      });
      const channel = new LineChannel(streamLines([]), writable);
      channel.send(text);
      await channel.close();
      assert.equal(bytes, size + 4);
    });
  };
  const [small, big] = [await write(8 * MB), await write(64 * MB)];
  assert.ok(big < 30 * small, `8 MiB: ${small} ms, 64 MiB: ${big} ms`);
});
