import assert from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter } from "../../src/jsonrpc/line_splitter.ts";
import { LineChannel } from "../../src/jsonrpc/mod.ts";
import { joinBytes, TestByteSink, TestByteSource } from "../jsonrpc/byte_streams.ts";
import { runs } from "./runs.ts";

type Line = readonly ["line", string] | readonly ["too long", number];

/**
 * Splits lines as the protocol defines them, independently of `LineSplitter`. Each character of a line
 * stands for one byte.
 */
function splitByDefinition(bytes: Uint8Array, maxBytes: number): Line[] {
  return toLatin1(bytes).split("\n").map((line) => line.replace(/\r$/, ""))
    .filter((line) => line !== "")
    .map((line) => line.length > maxBytes ? ["too long", line.length] : ["line", line]);
}

function toLatin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Splits bytes at the given offsets, modulo the length plus one. */
function splitAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const positions = offsets.map((offset) => offset % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...positions].map((start, index) => bytes.slice(start, positions[index]));
}

const anyOffsets = fc.array(fc.nat(5000), { maxLength: 12 });
const anyBytes = fc.array(fc.constantFrom(10, 10, 13, 97, 98, 0, 255), { maxLength: 80 });

Deno.test("[protocol.framing] bytes in any chunks are split into lines as the protocol defines them", () => {
  fc.assert(
    fc.property(anyBytes, anyOffsets, fc.nat(20), (bytes, offsets, maxBytes) => {
      const lines: Line[] = [];
      const splitter = new LineSplitter(maxBytes, {
        line: (line) => void lines.push(["line", toLatin1(line)]),
        dropped: ({ bytes }) => lines.push(["too long", bytes]),
      });
      const stream = new Uint8Array(bytes);
      for (const chunk of splitAt(stream, offsets)) {
        splitter.push(chunk);
        // Reusing the buffer must not change lines that were passed on.
        chunk.fill(120);
      }
      splitter.end();
      assert.deepEqual(lines, splitByDefinition(stream, maxBytes));
    }),
    { numRuns: runs(2000) },
  );
});

Deno.test("[protocol.too-long] the beginning and the end of a line that is too long are reported, in any chunks", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1025, max: 4000 }),
      anyOffsets,
      fc.boolean(),
      (size, offsets, hasCarriageReturn) => {
        const line = new Uint8Array(size).map((_, index) => 97 + index % 26);
        const skipped: { head: string; tail: string }[] = [];
        const splitter = new LineSplitter(1024, {
          line: () => assert.fail("the line is too long"),
          dropped: (message) => skipped.push(message),
        });
        const stream = joinBytes([line, new Uint8Array(hasCarriageReturn ? [13, 10] : [10])]);
        for (const chunk of splitAt(stream, offsets)) splitter.push(chunk);
        assert.equal(skipped.length, 1);
        const [{ head, tail } = { head: "", tail: "" }] = skipped;
        const text = toLatin1(line);
        assert.equal(head, text.slice(0, 1024));
        assert.equal(tail, text.slice(-1024));
      },
    ),
    { numRuns: runs(300) },
  );
});

/** Returns the messages that a channel reads from chunks. */
async function receive(chunks: readonly Uint8Array[]): Promise<string[]> {
  const source = new TestByteSource();
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  const texts: string[] = [];
  new LineChannel(source.readable, new TestByteSink().writable).open({
    message: (text) => void texts.push(text),
    dropped: ({ reason }) => texts.push(reason),
    closed: (cause) => cause === undefined ? resolve(texts) : reject(cause),
  });
  for (const chunk of chunks) source.push(chunk);
  source.end();
  return await promise;
}

const anyMessages = fc.array(
  fc.jsonValue().map((value) => JSON.stringify({ value, "\u00e9": "😀" })),
  {
    maxLength: 4,
  },
);

Deno.test("[protocol.framing] messages cut at any offsets arrive unchanged", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyMessages,
      anyOffsets,
      fc.constantFrom("\n", "\r\n"),
      async (messages, offsets, end) => {
        const bytes = new TextEncoder().encode(messages.map((message) => message + end).join(""));
        assert.deepEqual(await receive(splitAt(bytes, offsets)), messages);
      },
    ),
    { numRuns: runs(300) },
  );
});

Deno.test("[protocol.framing] messages cut at every single byte arrive unchanged", async () => {
  const messages = ['{"a":"\u00e9\u20ac😀\u2028"}', '{"b":"\\n"}', "not JSON"];
  const bytes = new TextEncoder().encode(messages.join("\r\n"));
  assert.deepEqual(await receive(Array.from(bytes, (byte) => new Uint8Array([byte]))), messages);
  for (let offset = 0; offset <= bytes.length; offset++) {
    assert.deepEqual(await receive([bytes.slice(0, offset), bytes.slice(offset)]), messages);
  }
});

/** Size of the write buffer of a `LineChannel`. */
const WRITE_BYTES = 128 * 1024;
const characters = ["a", "\u00e9", "\u20ac", "😀", "\ud83d", "\ude00"];

/** Texts around the size of the write buffer, so that characters cross its end. */
const anyBigText = fc.tuple(
  fc.integer({ min: -6, max: 6 }),
  fc.constantFrom(1, 2),
  fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 8 }),
  fc.nat(3),
).map(([offset, bufferCount, text, repeats]) =>
  "x".repeat(bufferCount * WRITE_BYTES + offset) + text.repeat(repeats)
);
const anyText = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 20 });
const anyBursts = fc.array(
  fc.array(fc.oneof({ weight: 3, arbitrary: anyText }, anyBigText), { maxLength: 4 }),
  { maxLength: 4 },
);

Deno.test("[protocol.framing] messages of any size are written whole and in order", async () => {
  await fc.assert(
    fc.asyncProperty(anyBursts, fc.array(fc.boolean()), async (bursts, flushes) => {
      const sink = new TestByteSink();
      const channel = new LineChannel(new TestByteSource().readable, sink.writable);
      for (const [index, burst] of bursts.entries()) {
        for (const text of burst) channel.send(text);
        if (flushes[index] === true) await channel.flush();
      }
      await channel.close();
      // A lone surrogate is not a character and cannot be encoded.
      assert.deepEqual(sink.lines(), bursts.flat().map((text) => text.toWellFormed()));
    }),
    { numRuns: runs(150) },
  );
});

Deno.test("[protocol.framing] a character is unchanged at every offset around the end of the write buffer", async () => {
  const sink = new TestByteSink();
  const channel = new LineChannel(new TestByteSource().readable, sink.writable);
  const texts = characters.slice(0, 4).flatMap((character) =>
    [-5, -4, -3, -2, -1, 0, 1].map((offset) => "x".repeat(WRITE_BYTES + offset) + character)
  );
  for (const text of texts) {
    channel.send(text);
    // Each write begins with an empty buffer.
    await channel.flush();
  }
  await channel.close();
  assert.deepEqual(sink.lines(), texts);
});
