import type { Budget } from "../../budget.ts";
import { AnswerTooLong, ReadThrottle } from "../../jsonrpc/mod.ts";
import { longWork, partyOf } from "../../long_work.ts";
import { cancelOnAbort, createBodyReader, createNoRoomFailure } from "./response.ts";
import { type IncomingText, type SseEvent, SseParser } from "./sse_parser.ts";

/** Maximum time that a stream stays open after it is no longer needed, in milliseconds. */
const LINGER_MS = 1000;

/** Maximum pause before reconnecting, in milliseconds; if a server asks for a longer pause, it is shortened. */
const MAX_RETRY_MS = 60_000;

/** Options of reading an event stream. */
export interface EventStreamOptions {
  /** Size limit of an event, in bytes. */
  readonly maxBytes: number;
  /** Number of bytes by which an event may exceed `maxBytes` before reading stops; they are skipped. Default: 0. */
  readonly maxSkippedBytes?: number;
  /** The server's memory budget; `undefined` if it is not limited. */
  readonly memory: Budget | undefined;
  /** Cancels the reading; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Another signal that cancels the reading. It must be for this stream alone, because its listener is not removed. */
  readonly interruption?: AbortSignal | undefined;
  /** The throttles of the streams that are being read, to which the throttle of this stream is added. */
  readonly throttles: Set<ReadThrottle>;
  /** Receives each event; returns a promise that the next event waits for, if any. */
  readonly onEvent: (event: SseEvent) => Promise<void> | void;
  /** Whether the stream is no longer needed and will soon be closed. Default: no. */
  readonly isDone?: () => boolean;
  /** Receives the bytes as they arrive, which are valid until it returns. */
  readonly onBytes?: (bytes: Uint8Array) => void;
}

/**
 * Reads an event stream until it ends.
 *
 * @param response The response whose body is the stream.
 * @param options Options of reading.
 * @throws {RemoteFailure} if the memory budget has no room for an event and no bytes may be skipped.
 * @throws {AnswerTooLong} if more bytes would have to be skipped than `maxSkippedBytes`; the error of `fetch`
 * if the connection breaks; the reason of the signal; and what `onEvent` throws. Each cancels the stream.
 */
export async function readEvents(
  { body }: Response,
  {
    maxBytes,
    maxSkippedBytes = 0,
    memory,
    signal,
    throttles,
    onEvent,
    isDone,
    onBytes,
    ...options
  }: EventStreamOptions,
): Promise<void> {
  if (body === null) return;
  const reader = createBodyReader(body, memory);
  const { interruption } = options;
  const stopListening = cancelOnAbort(reader, signal);
  if (interruption !== undefined) cancelOnAbort(reader, interruption);
  let closeTimer: ReturnType<typeof setTimeout> | undefined;
  const throttle = new ReadThrottle(memory);
  throttles.add(throttle);
  const parser = new SseParser({ maxBytes, memory }, ({ retryMs, ...event }) => {
    const handling = onEvent({
      ...event,
      retryMs: retryMs === undefined ? undefined : Math.min(retryMs, MAX_RETRY_MS),
    });
    if (isDone?.()) {
      closeTimer ??= setTimeout(() => void reader.cancel().catch(() => {}), LINGER_MS);
    }
    return handling;
  });
  let skippedBytes = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      signal.throwIfAborted();
      interruption?.throwIfAborted();
      if (done) break;
      onBytes?.(value);
      await longWork.runOrWait(partyOf(memory), () => parser.push(value));
      if (parser.lacksRoom && maxSkippedBytes === 0) throw createNoRoomFailure();
      skippedBytes = parser.isDropping ? skippedBytes + value.length : 0;
      if (skippedBytes > maxSkippedBytes) throw new AnswerTooLong(maxBytes + skippedBytes);
      const pause = throttle.takePause();
      if (pause !== undefined) await pause;
    }
  } catch (cause) {
    await reader.cancel(cause).catch(() => {});
    throw cause;
  } finally {
    parser.release();
    clearTimeout(closeTimer);
    stopListening();
    throttles.delete(throttle);
    throttle.end();
  }
}

/**
 * `maxSkippedBytes` for a stream that many requests share, as a multiple of the size limit. A long answer must not
 * end the other requests, but an endless answer must not be read forever.
 */
export const SHARED_STREAM_SKIP_FACTOR = 3;

/** Returns the message in an event. An event without data sets only the id or the pause before reconnecting. */
export function messageIn({ kind, data }: SseEvent): IncomingText | undefined {
  const isEmpty = data !== undefined && "text" in data && data.text === "";
  return kind === "message" && !isEmpty ? data : undefined;
}
