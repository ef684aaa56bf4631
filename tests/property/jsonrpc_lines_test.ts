import assert from "node:assert/strict";
import fc from "fast-check";
import { LineDecoder } from "../../src/jsonrpc/line_decoder.ts";
import { LineSplitter } from "../../src/jsonrpc/line_splitter.ts";
import { runs } from "./runs.ts";

type Event = readonly ["message", string, number] | readonly ["dropped", string, number];

/** Decodes a stream in chunks of the given sizes, which all reuse one buffer. */
function decodeChunks(stream: Uint8Array, sizes: readonly number[], maxBytes: number): Event[] {
  const events: Event[] = [];
  const splitter = new LineSplitter(
    maxBytes,
    new LineDecoder({
      message: (text, bytes) => void events.push(["message", text, bytes]),
      dropped: ({ reason, bytes }) => events.push(["dropped", reason, bytes]),
    }),
  );
  const buffer = new Uint8Array(stream.length);
  for (let offset = 0, round = 0; offset < stream.length; round++) {
    const chunk = stream.subarray(offset, offset + (sizes[round % sizes.length] ?? 1));
    buffer.fill(0);
    buffer.set(chunk);
    splitter.push(buffer.subarray(0, chunk.length));
    offset += chunk.length;
  }
  splitter.end();
  return events;
}

/** Decodes whole lines one by one, independently of `LineSplitter` and `LineDecoder`. */
function decodeByDefinition(stream: Uint8Array, maxBytes: number): Event[] {
  const events: Event[] = [];
  const lines: number[][] = [[]];
  for (const byte of stream) byte === 10 ? lines.push([]) : lines.at(-1)?.push(byte);
  for (const line of lines) {
    if (line.at(-1) === 13) line.pop();
    if (line.length === 0) continue;
    const bytes = new Uint8Array(line);
    const markLength = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    if (line.length > maxBytes) events.push(["dropped", "too-long", line.length]);
    else {
      try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
        events.push(["message", text.slice(markLength === 0 ? 0 : 1), line.length - markLength]);
      } catch {
        events.push(["dropped", "not-utf8", line.length]);
      }
    }
  }
  return events;
}

const encoder = new TextEncoder();
const anyPart = fc.oneof(
  fc.constantFrom("{}", "é", "😀", "\u2028", "\ufffd", "\ufeff", "\n", "\n", "\r\n", "\r", "\r\r\n")
    .map((text) => encoder.encode(text)),
  fc.nat(9000).map((length) => encoder.encode("y".repeat(length))),
  fc.nat(60).map((length) => encoder.encode("é".repeat(length))),
  // Invalid UTF-8: stray bytes, partial characters, a lone surrogate.
  fc.constantFrom([0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf0, 0x9f])
    .map((bytes) => new Uint8Array(bytes)),
);

Deno.test("[protocol.framing] lines of any content, in any chunks, give the same events as lines decoded one by one", () => {
  fc.assert(
    fc.property(
      fc.array(anyPart, { maxLength: 60 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 70_000 })), {
        minLength: 1,
      }),
      fc.constantFrom(50, 100, 8191, 8192, 8193, 64 * 1024 * 1024),
      (streamParts, sizes, maxBytes) => {
        const stream = new Uint8Array(streamParts.flatMap((part) => [...part]));
        assert.deepEqual(
          decodeChunks(stream, sizes, maxBytes),
          decodeByDefinition(stream, maxBytes),
        );
      },
    ),
    { numRuns: runs(300) },
  );
});
