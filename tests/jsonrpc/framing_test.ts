import assert from "node:assert/strict";
import { LineSplitter } from "../../src/jsonrpc/line_splitter.ts";
import { type DroppedMessage, LineChannel, MAX_MESSAGE_BYTES } from "../../src/jsonrpc/mod.ts";
import { TestByteSink } from "./byte_streams.ts";
import { cpuMs } from "../cpu_time.ts";

const MIB = 1024 * 1024;

const BYTE_OF_A = 97;

/** Creates a stream of lines of the letter a, in chunks of 64 KiB as from a pipe. */
function streamLines(sizes: readonly number[]): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(64 * 1024).fill(BYTE_OF_A);
  const remainingSizes = [...sizes];
  return new ReadableStream({
    pull: (controller) => {
      const [size] = remainingSizes;
      if (size === undefined) return controller.close();
      remainingSizes[0] = size - chunk.length;
      if (size >= chunk.length) return controller.enqueue(chunk);
      remainingSizes.shift();
      controller.enqueue(new TextEncoder().encode("a".repeat(size) + "\n"));
    },
  }, { highWaterMark: 0 });
}

interface ReceivedMessages {
  readonly sizes: number[];
  readonly dropped: DroppedMessage[];
}

async function receive(readable: ReadableStream<Uint8Array>): Promise<ReceivedMessages> {
  const received: ReceivedMessages = { sizes: [], dropped: [] };
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

Deno.test("[protocol.too-long] a message of 64 MiB is received; a longer one is skipped and reported with its size", async () => {
  assert.equal(MAX_MESSAGE_BYTES, 64 * MIB);
  const { sizes, dropped } = await receive(streamLines([64 * MIB, 64 * MIB + 1, 5, 100 * MIB, 6]));
  assert.deepEqual(sizes, [64 * MIB, 5, 6]);
  const excerpts = { head: "a".repeat(1024), tail: "a".repeat(1024) };
  assert.deepEqual(dropped, [
    { reason: "too-long", bytes: 64 * MIB + 1, ...excerpts },
    { reason: "too-long", bytes: 100 * MIB, ...excerpts },
  ]);
});

Deno.test("[protocol.too-long] a carriage return at the end does not count towards the size", () => {
  for (const size of [10, 11, 12]) {
    for (const chunks of [[`${"a".repeat(size)}\r\n`], ["a".repeat(size), "\r", "\n"]]) {
      const events: (string | number)[] = [];
      const splitter = new LineSplitter(11, {
        line: (line) => void events.push(new TextDecoder().decode(line)),
        dropped: ({ bytes }) => events.push(bytes),
      });
      for (const chunk of chunks) splitter.push(new TextEncoder().encode(chunk));
      assert.deepEqual(events, size <= 11 ? ["a".repeat(size)] : [size]);
    }
  }
});

Deno.test("[protocol.too-long] a skipped line is not kept in memory", () => {
  const dropped: number[] = [];
  const splitter = new LineSplitter(MIB, {
    line: () => assert.fail("the line is too long"),
    dropped: ({ bytes }) => dropped.push(bytes),
  });
  const chunk = new Uint8Array(MIB).fill(BYTE_OF_A);
  const bytesBefore = Deno.memoryUsage().external;
  let maxHeldBytes = 0;
  for (let count = 0; count < 512; count++) {
    splitter.push(chunk);
    maxHeldBytes = Math.max(maxHeldBytes, Deno.memoryUsage().external - bytesBefore);
  }
  splitter.end();
  assert.deepEqual(dropped, [512 * MIB]);
  assert.ok(maxHeldBytes < 32 * MIB, `${maxHeldBytes} bytes were held`);
});

Deno.test("[protocol.framing] a line that arrives byte by byte is copied out of the read buffer", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter(MIB, {
    line: (line) => void lines.push(new TextDecoder().decode(line)),
    dropped: () => assert.fail("the line is not too long"),
  });
  const buffer = new Uint8Array(64 * 1024);
  for (const character of '{"a":"b"}\n'.repeat(2)) {
    // Each read reuses the buffer, so that a splitter that kept a chunk would see it change.
    buffer.fill(character.charCodeAt(0));
    splitter.push(buffer.subarray(7, 8));
  }
  assert.deepEqual(lines, ['{"a":"b"}', '{"a":"b"}']);
});

Deno.test("[protocol.framing] the buffer of a long line is released, whether the line is passed on or skipped", () => {
  for (const size of [4 * MIB, 4 * MIB + 2]) {
    const bufferSizes: number[] = [];
    const splitter = new LineSplitter(4 * MIB, {
      line: (line) => void bufferSizes.push(line.buffer.byteLength),
      dropped: ({ bytes }) => bufferSizes.push(bytes),
    });
    for (const chunk of ["a".repeat(100_000), "a".repeat(size - 100_000), "\n", "a", "b\n"]) {
      splitter.push(new TextEncoder().encode(chunk));
    }
    const [longSize = 0, shortSize = 0] = bufferSizes;
    assert.ok(longSize >= size && shortSize <= MIB, `${bufferSizes}`);
  }
});

/** Returns the shortest time of three runs, in milliseconds. */
async function measureMinMs(run: () => Promise<unknown>): Promise<number> {
  const durationsMs: number[] = [];
  for (let count = 0; count < 3; count++) {
    const startMs = cpuMs();
    await run();
    durationsMs.push(cpuMs() - startMs);
  }
  return Math.min(...durationsMs);
}

Deno.test("[protocol.framing-linear] reading a long message takes linear time", async () => {
  const read = (size: number) => measureMinMs(() => receive(streamLines([size])));
  const [smallMs, bigMs] = [await read(8 * MIB), await read(64 * MIB)];
  // Eight times the size takes 8 times as long in linear time, and 64 times as long in quadratic time.
  assert.ok(bigMs < 30 * smallMs, `8 MiB: ${smallMs} ms, 64 MiB: ${bigMs} ms`);
});

Deno.test("[protocol.framing-linear] many short lines in one chunk take linear time", async () => {
  const read = (count: number) => {
    const bytes = new TextEncoder().encode("ab\n".repeat(count));
    return measureMinMs(async () => {
      let lineCount = 0;
      const splitter = new LineSplitter(MIB, {
        line: () => void lineCount++,
        dropped: () => assert.fail(),
      });
      splitter.push(bytes);
      assert.equal(lineCount, count);
    });
  };
  const [smallMs, bigMs] = [await read(50_000), await read(400_000)];
  assert.ok(bigMs < 30 * smallMs, `50,000 lines: ${smallMs} ms, 400,000 lines: ${bigMs} ms`);
});

Deno.test("[protocol.framing-linear] writing a long message takes linear time", async () => {
  const write = (size: number) => {
    // The text is not Latin-1, so that V8 cannot skip copying or encoding.
    const text = `\u20ac${"a".repeat(size)}`;
    return measureMinMs(async () => {
      let bytes = 0;
      const writable = new WritableStream<Uint8Array>({
        write: (chunk) => void (bytes += chunk.length),
      });
      const channel = new LineChannel(streamLines([]), writable);
      channel.send(text);
      await channel.close();
      // The euro sign has three bytes, the line end one.
      assert.equal(bytes, size + 4);
    });
  };
  const [smallMs, bigMs] = [await write(8 * MIB), await write(64 * MIB)];
  assert.ok(bigMs < 30 * smallMs, `8 MiB: ${smallMs} ms, 64 MiB: ${bigMs} ms`);
});
