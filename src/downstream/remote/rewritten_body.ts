import { type DroppedMessage, Turn } from "../../jsonrpc/mod.ts";
import { type SseData, type SseEvent, SseSplitter } from "./sse_splitter.ts";
import { isAnswer, type Tickets } from "./tickets.ts";
import type { Received } from "./unanswered.ts";

/** Longest pause before a stream is opened again that a server may ask for, in milliseconds. */
const MAX_RETRY_MS = 60_000;

/** How long a stream may stay open when its request was answered, in milliseconds. */
const AFTER_ANSWER_MS = 1000;

/** How a stream is rewritten. */
export interface RewriteOptions {
  readonly tickets: Tickets;
  /** The longest message that is taken, in bytes. */
  readonly maxBytes: number;
  /** Is told what came, for the case that no answer does. */
  readonly received?: Received;
  /** Whether it is the stream of a request, which its answer ends. */
  readonly isOfRequest: boolean;
  /** Breaks it off. */
  readonly signal: AbortSignal;
  /** Loops that read, which can be asked to pause. */
  readonly turns: Set<Turn>;
  /** The stream has ended, of itself or because it broke. */
  readonly onEnd: (broken?: unknown) => void;
  /** An event has an id. */
  readonly onId?: (id: string) => void;
  /** An answer has come. */
  readonly onAnswer?: () => void;
  /** The server says how long to wait before a stream is opened again, in milliseconds. */
  readonly onRetry?: (ms: number) => void;
}

/**
 * A stream of events with each message replaced by its stub.
 *
 * @param body The stream as it comes.
 * @param options See there.
 */
export function rewriteEvents(
  body: ReadableStream<Uint8Array>,
  options: RewriteOptions,
): ReadableStream<Uint8Array> {
  const { tickets, maxBytes, isOfRequest, turns, signal, received } = options;
  const { onEnd, onRetry, onId, onAnswer } = options;
  const reader = body.getReader();
  const letGo = cancelOnAbort(reader, signal);
  const encoder = new TextEncoder();
  const turn = new Turn();
  turns.add(turn);
  let out: string[] = [];
  let lingering: ReturnType<typeof setTimeout> | undefined;
  const splitter = new SseSplitter(maxBytes, (event) => {
    const { kind, id, data, retryMs } = event;
    if (retryMs !== undefined) onRetry?.(Math.min(retryMs, MAX_RETRY_MS));
    if (id !== undefined) onId?.(id);
    const isMessage = kind === "message" && data !== undefined && !isEmpty(data);
    if (isMessage && received !== undefined) {
      received.events++;
      received.data = data;
    }
    // On other streams the SDK would take an answer for the end.
    const answers = isOfRequest && isMessage && isAnswer(data);
    out.push(rewriteEvent(event, isMessage ? tickets.keep(data, answers) : plainText(data)));
    // A server that keeps the stream of an answered request open would keep a connection for each.
    if (answers) {
      onAnswer?.();
      lingering ??= setTimeout(() => void reader.cancel().catch(() => {}), AFTER_ANSWER_MS);
    }
  });
  const end = (broken?: unknown): void => {
    clearTimeout(lingering);
    letGo();
    turns.delete(turn);
    turn.end();
    onEnd(broken);
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        // The pull is repeated only when something was given.
        while (out.length === 0) {
          const { value, done } = await reader.read();
          signal.throwIfAborted();
          if (done) {
            end();
            return controller.close();
          }
          if (received !== undefined) received.head ??= value;
          const pause = turn.do(() => splitter.push(value));
          if (pause !== undefined) await pause;
        }
        controller.enqueue(encoder.encode(out.join("")));
        out = [];
      } catch (cause) {
        end(cause);
        controller.error(cause);
      }
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason).catch(() => {});
    },
  }, { highWaterMark: 0 });
}

function rewriteEvent({ kind, id, retryMs }: SseEvent, data: string): string {
  const lines: string[] = [];
  if (kind !== "message") lines.push(`event: ${kind}`);
  if (id !== undefined) lines.push(`id: ${id}`);
  if (retryMs !== undefined) lines.push(`retry: ${Math.min(retryMs, MAX_RETRY_MS)}`);
  // Without a line of data an event is none, and its id would not count.
  lines.push(`data: ${data}`);
  return `${lines.join("\n")}\n\n`;
}

/** An event that says nothing only brings an id. */
function isEmpty(data: SseData): boolean {
  return "text" in data && data.text === "";
}

function plainText(data: SseData | undefined): string {
  return data !== undefined && "text" in data ? data.text.replaceAll("\n", " ") : "";
}

/**
 * Breaks off the reading of a body. The signal that its request was made with does not do that: once
 * the headers are there Deno follows it only by a weak reference, and after a garbage collection the
 * connection would stay open for as long as the server likes.
 */
function cancelOnAbort(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal,
): () => void {
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {});
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}

/**
 * Reads the whole of a body.
 *
 * @param body The body as it comes.
 * @param options How much is taken, more being counted and thrown away, and what breaks it off.
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<SseData> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let tail: Uint8Array = new Uint8Array();
  const reader = (body ?? ReadableStream.from<Uint8Array>([])).getReader();
  const letGo = cancelOnAbort(reader, signal);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      bytes += value.length;
      if (bytes <= maxBytes) chunks.push(value);
      else {
        // Of what is too long the first and the last bytes are enough.
        if (chunks.length === 0) chunks.push(value);
        chunks.splice(1);
        tail = concat([tail, value]).slice(-1024);
      }
    }
  } finally {
    letGo();
  }
  if (bytes > maxBytes) {
    const lossy = new TextDecoder();
    const head = lossy.decode(chunks[0]?.subarray(0, 1024));
    return { reason: "too-long", bytes, head, tail: lossy.decode(tail) };
  }
  return decode(concat(chunks));
}

function decode(bytes: Uint8Array): SseData {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes: bytes.length };
  } catch {
    const lossy = new TextDecoder();
    const dropped: DroppedMessage = {
      reason: "not-utf8",
      bytes: bytes.length,
      head: lossy.decode(bytes.subarray(0, 1024)),
      tail: lossy.decode(bytes.subarray(-1024)),
    };
    return dropped;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
