import type { Budget } from "../../budget.ts";
import { type ByteReader, createByteReader } from "../../bytes.ts";
import { AnswerTooLong, ByteBuffer, decodeUtf8 } from "../../jsonrpc/mod.ts";
import { LONG_BYTES, longWork, partyOf } from "../../long_work.ts";
import { mediaTypeOf } from "../http_responses.ts";
import { RemoteFailure } from "../remote_failure.ts";
import type { IncomingText } from "./sse_parser.ts";

/** Creates the failure of a request: the server's memory budget has no room for the answer. */
export function createNoRoomFailure(): RemoteFailure {
  const message =
    "its answers take its whole share of the memory, a quarter of GATEWAY_MAX_HELD; " +
    "call again when earlier calls are answered";
  return new RemoteFailure(message, { reach: "maybe" });
}

/** Size of the excerpts from both ends of a body that is not UTF-8, in bytes. */
const EXCERPT_BYTES = 1024;

/** Whether a response is a stream of server-sent events. */
export function isEventStream(response: Response): boolean {
  return mediaTypeOf(response) === "text/event-stream";
}

/** Returns the encoding of a body; `undefined` if the body is not encoded, as the gateway requests it. */
export function encodingOf({ headers }: Response): string | undefined {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  return encoding === "" || encoding === "identity" ? undefined : encoding;
}

/**
 * Returns a reader of a body that takes turns with other long work. Reads of bytes that have already arrived resolve
 * without returning to the event loop: eight long answers blocked everything else for 1.4 s.
 *
 * @param body The body.
 * @param memory The server's memory budget; its name is the party in `longWork`.
 */
export function createBodyReader(body: Response["body"], memory: Budget | undefined): ByteReader {
  const party = partyOf(memory);
  const reader = createByteReader(body);
  let readBytes = 0;
  return {
    async read() {
      const chunk = await reader.read();
      if (chunk.done) return chunk;
      readBytes += chunk.value.length;
      if (readBytes >= LONG_BYTES) await longWork.addRead(party, chunk.value.length);
      return chunk;
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/**
 * Cancels the reading of a body when a signal aborts. The signal that was passed to `fetch` is not enough:
 * once the headers have arrived, Deno holds only a weak reference to it, and after a garbage collection the
 * connection would stay open until the server closes it.
 *
 * @param reader The reader of the body.
 * @param signal The signal.
 * @returns A function that removes the listener from the signal.
 */
export function cancelOnAbort(
  reader: ByteReader,
  signal: AbortSignal,
): () => void {
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {});
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}

/**
 * Reads a whole body.
 *
 * @param response The response with the body.
 * @param options `maxBytes`: maximum size; reading stops beyond it. `memory`: the budget that the body counts
 * against while it is read. `signal`: cancels the reading; its reason is thrown.
 * @throws {AnswerTooLong} if the body is larger.
 */
export async function readBody(
  { body }: Response,
  { maxBytes, memory, signal }: {
    readonly maxBytes: number;
    readonly memory: Budget | undefined;
    readonly signal: AbortSignal;
  },
): Promise<IncomingText> {
  const reader = createBodyReader(body, memory);
  const buffer = new ByteBuffer({ maxBytes, memory });
  const stopListening = cancelOnAbort(reader, signal);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      if (buffer.append(value)) continue;
      await reader.cancel().catch(() => {});
      if (buffer.size + value.length > maxBytes) throw new AnswerTooLong(maxBytes + 1);
      throw createNoRoomFailure();
    }
    const text = await longWork.runFor(
      { party: partyOf(memory), bytes: buffer.size },
      () => decodeBody(buffer.bytes),
    );
    signal.throwIfAborted();
    return text;
  } finally {
    stopListening();
    buffer.release();
  }
}

function decodeBody(bytes: Uint8Array): IncomingText {
  const text = decodeUtf8(bytes);
  if (text !== undefined) return { text, bytes: bytes.length };
  const decoder = new TextDecoder();
  return {
    reason: "not-utf8",
    bytes: bytes.length,
    head: decoder.decode(bytes.subarray(0, EXCERPT_BYTES)),
    tail: decoder.decode(bytes.subarray(-EXCERPT_BYTES)),
  };
}
