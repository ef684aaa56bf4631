import { reusingReader } from "../../bytes.ts";
import { AnswerTooLong, ReadThrottle } from "../../jsonrpc/mod.ts";
import { cancelOnAbort } from "./response.ts";
import { type SseData, type SseEvent, SseParser } from "./sse_parser.ts";

/** Maximum time that a stream stays open after it has served its purpose, in milliseconds. */
const LINGER_MS = 1000;

/** The longest pause before reconnecting that a server may ask for, in milliseconds. */
const MAX_RETRY_MS = 60_000;

/** Options of reading an event stream. */
export interface EventStreamOptions {
  /** Size limit of an event, in bytes. */
  readonly maxBytes: number;
  /** Maximum size of what is skipped of a longer event before reading stops, in bytes. Default: 0. */
  readonly maxSkippedBytes?: number;
  /** Cancels the reading; its reason is thrown. */
  readonly signal: AbortSignal;
  /** The loops that are reading now; each can be asked to pause. */
  readonly turns: Set<ReadThrottle>;
  /** Receives each event. Returns whether the stream is no longer needed; it is then closed after 1 s. */
  readonly onEvent: (event: SseEvent) => boolean;
  /** Receives the bytes as they arrive, which are valid until it returns. */
  readonly onBytes?: (bytes: Uint8Array) => void;
}

/**
 * Reads an event stream until it ends.
 *
 * @param response Has the stream.
 * @param options How it is read.
 * @throws {AnswerTooLong} if an event is too long; what `fetch` throws if the connection breaks; the
 * reason of the signal; and what `onEvent` throws. Each cancels the stream.
 */
export async function readEvents(
  { body }: Response,
  { maxBytes, maxSkippedBytes = 0, signal, turns, onEvent, onBytes }: EventStreamOptions,
): Promise<void> {
  if (body === null) return;
  const reader = reusingReader(body);
  const stopListening = cancelOnAbort(reader, signal);
  let lingering: ReturnType<typeof setTimeout> | undefined;
  const turn = new ReadThrottle();
  turns.add(turn);
  const parser = new SseParser(maxBytes, ({ retryMs, ...event }) => {
    const isDone = onEvent({
      ...event,
      retryMs: retryMs === undefined ? undefined : Math.min(retryMs, MAX_RETRY_MS),
    });
    if (isDone) lingering ??= setTimeout(() => void reader.cancel().catch(() => {}), LINGER_MS);
  });
  let skipped = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      onBytes?.(value);
      const pause = turn.do(() => parser.push(value));
      skipped = parser.isSkipping ? skipped + value.length : 0;
      if (skipped > maxSkippedBytes) throw new AnswerTooLong(maxBytes + skipped);
      if (pause !== undefined) await pause;
    }
  } catch (cause) {
    await reader.cancel(cause).catch(() => {});
    throw cause;
  } finally {
    clearTimeout(lingering);
    stopListening();
    turns.delete(turn);
    turn.end();
  }
}

/**
 * Size of what is skipped of an event on a stream that many requests share, in multiples of the limit of
 * an event: one long answer must not end the other requests, and one without an end must not be read
 * forever.
 */
export const SHARED_SKIPS = 3;

/** The message in an event; an event without data only sets the id or the pause before reconnecting. */
export function messageIn({ kind, data }: SseEvent): SseData | undefined {
  const isEmpty = data !== undefined && "text" in data && data.text === "";
  return kind === "message" && !isEmpty ? data : undefined;
}
