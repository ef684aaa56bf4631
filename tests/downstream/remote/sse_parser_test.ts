import assert from "node:assert/strict";
import fc from "fast-check";
import { Budget } from "../../../src/budget.ts";
import { type SseEvent, SseParser } from "../../../src/downstream/remote/sse_parser.ts";
import { cpuMs } from "../../cpu_time.ts";

/** Parses chunks, and returns the events. */
function parse(chunks: readonly (string | Uint8Array)[], maxBytes = 1000): SseEvent[] {
  const events: SseEvent[] = [];
  const parser = new SseParser({ maxBytes }, (event) => void events.push(event));
  const encoder = new TextEncoder();
  for (const chunk of chunks) {
    parser.push(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  }
  return events;
}

/** Returns the data of the events. */
function dataOf(events: readonly SseEvent[]): (string | undefined)[] {
  return events.map(({ data }) => data !== undefined && "text" in data ? data.text : undefined);
}

Deno.test("[remote.answers] events are parsed as the standard requires", () => {
  const stream = "\ufeff: comment\nevent: hello\nid: 1\nretry: 250\ndata: a\ndata:b\ndata:  c\n\n" +
    "data\n\nid: 2\nid: 3\\0\nretry: soon\nunknown: x\n\nevent: only\n\ndata: unfinished\n";
  assert.deepEqual(parse([stream.replace("3\\0", "3\0")]), [
    { kind: "hello", id: "1", retryMs: 250, data: { text: "a\nb\n c", bytes: 6 } },
    { kind: "message", id: undefined, retryMs: undefined, data: { text: "", bytes: 0 } },
    { kind: "message", id: "2", retryMs: undefined, data: undefined },
  ]);
});

Deno.test("[remote.answers] events are equal for any chunks and line ends", () => {
  const line = fc.stringMatching(/^[a-zé😀: ]{0,8}$/u);
  const lines = fc.array(line, { minLength: 1, maxLength: 4 });
  const ends = fc.constantFrom("\n", "\r\n", "\r");
  const property = fc.property(
    fc.array(lines, { maxLength: 5 }),
    ends,
    fc.array(fc.nat(400), { maxLength: 8 }),
    (events, end, cuts) => {
      const stream = events.map((data) => {
        return [...data.map((text) => `data: ${text}`), "", ""].join(end);
      }).join("");
      // Only the next byte shows that a carriage return alone ended the last line.
      const bytes = new TextEncoder().encode(`${stream}:${end}`);
      const offsets = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) =>
        a - b
      );
      const chunks = [0, ...offsets].map((offset, index) => {
        return bytes.slice(offset, offsets[index] ?? bytes.length);
      });
      assert.deepEqual(dataOf(parse(chunks)), events.map((data) => data.join("\n")));
    },
  );
  fc.assert(property);
});

Deno.test("[remote.max-bytes] of an event that is too long, the size, the beginning and the end are kept", () => {
  const longText = "x".repeat(1200);
  for (const data of [`data: ${longText}`, `data: ${"x".repeat(600)}\ndata: ${"x".repeat(599)}`]) {
    const [first, second] = parse([`${data}\n\ndata: next\n\n`]);
    assert.ok(first?.data !== undefined && "reason" in first.data);
    const { reason, bytes, head, tail } = first.data;
    assert.deepEqual([reason, bytes], ["too-long", 1200]);
    assert.ok(head.length <= 1024 && tail.length <= 1024 && head.startsWith("xxx"));
    assert.deepEqual(second?.data, { text: "next", bytes: 4 });
  }
  assert.deepEqual(dataOf(parse([`data: ${"x".repeat(1000)}\n\n`])), ["x".repeat(1000)]);
  assert.deepEqual(dataOf(parse([`: ${longText}\ndata: a\n\n`])), ["a"]);
});

Deno.test("[remote.answers] invalid UTF-8 is reported", () => {
  const [event] = parse(["data: ", new Uint8Array([0xff, 0xfe]), "\n\n"]);
  assert.ok(event?.data !== undefined && "reason" in event.data);
  assert.equal(event.data.reason, "not-utf8");
});

Deno.test("[remote.max-bytes] a long event takes linear time", () => {
  const chunk = new TextEncoder().encode("y".repeat(16 * 1024));
  const measureParseMs = (chunkCount: number): number => {
    const startedMs = cpuMs();
    let bytes = 0;
    const parser = new SseParser(
      { maxBytes: Infinity },
      ({ data }) => void (bytes = data?.bytes ?? 0),
    );
    parser.push(new TextEncoder().encode("data: "));
    for (let count = 0; count < chunkCount; count++) parser.push(chunk);
    parser.push(new TextEncoder().encode("\n\n"));
    assert.equal(bytes, chunkCount * chunk.length);
    return cpuMs() - startedMs;
  };
  // The first run warms up the compiler.
  measureParseMs(64);
  const [small, large] = [Math.max(measureParseMs(128), 1), measureParseMs(1024)];
  // The size is 8 times as large; quadratic time would be 64 times as much.
  assert.ok(large < 8 * 3 * small + 50, `${small} ms, ${large} ms`);
});

Deno.test("[memory.answers] of an event that does not fit into memory, only excerpts are kept; the next event is parsed", () => {
  const memory = new Budget(10_000);
  memory.add(9_000);
  const events: SseEvent[] = [];
  const parser = new SseParser({ maxBytes: 100_000, memory }, (event) => void events.push(event));
  const push = (text: string): void => void parser.push(new TextEncoder().encode(text));
  for (let line = 0; line < 20; line++) push(`data: ${"x".repeat(100)}\n`);
  assert.equal(parser.lacksRoom, true);
  assert.equal(memory.used, 9_000);
  push("\ndata: a\n");
  // A line takes 80 bytes besides its text.
  assert.equal(memory.used, 9_081);
  push("\n");
  assert.equal(memory.used, 9_000);
  const [skipped, next] = events.map(({ data }) => data);
  assert.ok(skipped !== undefined && "reason" in skipped && skipped.reason === "no-room");
  assert.deepEqual(next, { text: "a", bytes: 1 });
  push("data: b\n");
  parser.release();
  assert.equal(memory.used, 9_000);
});

Deno.test("[memory.answers] a type or an id of an event that is too long is not kept", () => {
  const memory = new Budget(10_000_000);
  const events: SseEvent[] = [];
  const parser = new SseParser({ maxBytes: 1_000_000, memory }, (event) => void events.push(event));
  const long = "x".repeat(100_000);
  parser.push(new TextEncoder().encode(`event: ${long}\nid: ${long}\ndata: a\n\n`));
  assert.deepEqual(events.map(({ kind, id }) => [kind, id]), [["unknown", undefined]]);
});
