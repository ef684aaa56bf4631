import assert from "node:assert/strict";
import { SseParser } from "../../src/downstream/remote/sse_parser.ts";
import { LineSplitter, textAt } from "../../src/jsonrpc/mod.ts";
import type { Message } from "../../src/jsonrpc/message.ts";
import { parseMessage } from "../../src/jsonrpc/parse.ts";
import { compilePattern } from "../../src/policy/mod.ts";
import { cpuMs } from "../cpu_time.ts";

/** A parser under test, and the check of one input. */
export interface FuzzTarget {
  /** Name of its folder in the corpus. */
  readonly name: string;
  /** The property that holds for every input. */
  readonly title: string;
  /** Texts that mean something to the parser. */
  readonly words: readonly string[];
  /** Starts what the checks share. */
  open(): Promise<FuzzRun>;
}

/** An opened target. */
export interface FuzzRun extends AsyncDisposable {
  /** Parses the input; throws if what must hold does not. */
  check(input: Uint8Array<ArrayBuffer>): void | Promise<void>;
}

/** Size limit of a line and of an event's data, so small that inputs exceed it. */
const MAX_BYTES = 64;

/** Cuts an input into chunks whose sizes depend on its bytes. */
function* chunksOf(input: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < input.length;) {
    const size = 1 + ((input[at] ?? 0) * 31 + at) % 23;
    yield input.slice(at, at + size);
    at += size;
  }
}

function withoutResources(check: (input: Uint8Array<ArrayBuffer>) => void): FuzzTarget["open"] {
  return () => Promise.resolve({ check, [Symbol.asyncDispose]: () => Promise.resolve() });
}

/** Returns the lines of an input, and the size of each line that is too long. */
function splitLines(chunks: Iterable<Uint8Array>, withBlocks: boolean): (string | number)[] {
  const lines: (string | number)[] = [];
  const decoder = new TextDecoder("latin1");
  const splitter = new LineSplitter(MAX_BYTES, {
    line: (line) => void lines.push(decoder.decode(line)),
    dropped: ({ bytes }) => void lines.push(bytes),
    ...(withBlocks ? { block: (block) => void lines.push(...linesByDefinition(block)) } : {}),
  });
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

function linesByDefinition(input: Uint8Array): (string | number)[] {
  return new TextDecoder("latin1").decode(input).split("\n")
    .map((line) => line.endsWith("\r") ? line.slice(0, -1) : line)
    .filter((line) => line !== "")
    .map((line) => line.length > MAX_BYTES ? line.length : line);
}

/** Checks that the texts of a message mean the same as the whole message. */
function checkMessage(message: Message, value: unknown): void {
  if (message.kind === "invalid") return;
  if (message.kind === "batch") {
    assert.ok(Array.isArray(value));
    assert.equal(message.messages.length, value.length);
    for (const [index, part] of message.messages.entries()) checkMessage(part, value[index]);
    return;
  }
  const fields = value as Readonly<Record<string, unknown>>;
  if ("id" in message && message.id !== undefined) {
    assert.equal(typeof fields.id, typeof JSON.parse(message.id));
    assert.equal(JSON.parse(message.id), fields.id);
  }
  if (message.kind === "result") {
    assert.deepEqual(message.value, fields.result);
    assert.deepEqual(JSON.parse(message.body), fields.result);
  }
  if (message.kind !== "request" && message.kind !== "notification") return;
  assert.equal(message.method, fields.method);
  assert.deepEqual(message.params, fields.params);
  if (message.kind !== "request" || message.body === undefined) return;
  assert.deepEqual(JSON.parse(message.body), fields.params);
  const args = textAt(message.body, "arguments", "args");
  const { arguments: outer } = fields.params as { arguments?: { args?: unknown } | null };
  // The rules must decide about the arguments that the server receives.
  if (args !== undefined) assert.deepEqual(JSON.parse(args), outer?.args);
}

/** Returns the events of a stream, without the excerpts of data that is too long. */
function parseEvents(chunks: Iterable<Uint8Array>): unknown[] {
  const events: unknown[] = [];
  const parser = new SseParser({ maxBytes: MAX_BYTES }, ({ data, ...event }) => {
    if (data === undefined || "text" in data) {
      assert.ok(data === undefined || data.bytes <= MAX_BYTES);
      events.push({ ...event, data });
    } else events.push({ ...event, reason: data.reason, bytes: data.bytes });
  });
  for (const chunk of chunks) parser.push(chunk);
  return events;
}

/** Whether a name matches a pattern, by the definition of wildcards. */
function matchesByDefinition(pattern: readonly string[], name: readonly string[]): boolean {
  let reached = [true, ...name.map(() => false)];
  for (const part of pattern) {
    let isReached = false;
    reached = reached.map((before, at) => {
      isReached ||= before;
      if (part === "*") return isReached;
      return at > 0 && reached[at - 1] === true && (part === "?" || part === name[at - 1]);
    });
  }
  return reached.at(-1) === true;
}

/** The parsers that need no socket. */
export const PARSER_TARGETS: readonly FuzzTarget[] = [
  {
    name: "lines",
    title: "a stream is split into the same lines, however it is cut into chunks",
    words: ["\n", "\r\n", "\r", "\n\n", "x".repeat(MAX_BYTES), "\u{1f600}"],
    open: withoutResources((input) => {
      const expected = linesByDefinition(input);
      for (const withBlocks of [false, true]) {
        assert.deepEqual(splitLines([input], withBlocks), expected);
        assert.deepEqual(splitLines(chunksOf(input), withBlocks), expected);
      }
    }),
  },
  {
    name: "messages",
    title: "the texts that are passed on of a message mean the same as the parsed message",
    words: [
      ...['"jsonrpc":"2.0"', '"id":', '"method":', '"params":', '"result":', '"error":', "\\u0061"],
      ...['"arguments":', '"args":', "null", "1e999", "-0", "12345678901234567890", '"__proto__":'],
      ...["[", "]", "{", "}", ",", ":", '"', "\\", "\n", "\ud800"],
    ],
    open: withoutResources((input) => {
      const text = new TextDecoder().decode(input);
      const message = parseMessage(text, input.length);
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        assert.equal(message.kind, "invalid");
        return;
      }
      checkMessage(message, value);
    }),
  },
  {
    name: "events",
    title: "a stream has the same events, however it is cut into chunks, and none is too long",
    words: [
      "data:",
      "data: ",
      "event: ",
      "id: ",
      "retry: ",
      ":",
      "\n\n",
      "\r\r",
      "\r\n",
      "\ufeff",
      "\0",
    ],
    open: withoutResources((input) => {
      const events = parseEvents([input]);
      assert.deepEqual(parseEvents(chunksOf(input)), events);
    }),
  },
  {
    name: "patterns",
    title: "a pattern matches a name as the definition of wildcards says, in bounded time",
    words: ["*", "?", "*?", "?*", "**", "\u{1f600}", "\ud83d", "a", "_", "\n"],
    open: withoutResources((input) => {
      const [pattern = "", ...rest] = new TextDecoder().decode(input).split("\n");
      const name = rest.join("\n");
      const start = cpuMs();
      const isMatch = compilePattern(pattern).matches(name);
      assert.ok(cpuMs() - start < 1000, "it took more than a second");
      assert.equal(isMatch, matchesByDefinition([...pattern], [...name]));
    }),
  },
];
