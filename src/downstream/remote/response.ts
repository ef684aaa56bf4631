import { mediaType } from "../http_answers.ts";
import type { SseData } from "./sse_parser.ts";

/** Length that is kept of either end of a body that is too long or not UTF-8, in bytes. */
const EXCERPT_BYTES = 1024;

/** Whether a response is a stream of server-sent events. */
export function isEventStream(response: Response): boolean {
  return mediaType(response) === "text/event-stream";
}

/** The encoding of a body that Deno could not decode: it removes the header of one that it could. */
export function unknownEncoding({ headers }: Response): string | undefined {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  return encoding === "" || encoding === "identity" ? undefined : encoding;
}

/**
 * Cancels the reading of a body when a signal aborts. The signal that was passed to `fetch` does not do
 * that: once the headers are there, Deno refers to it only weakly, and after a garbage collection the
 * connection would stay open for as long as the server likes.
 *
 * @param reader Reads the body.
 * @param signal Cancels it.
 * @returns Stops listening to the signal.
 */
export function cancelOnAbort(
  reader: ReadableStreamDefaultReader<Uint8Array>,
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
 * @param response Has the body.
 * @param options `maxBytes`: of a longer body only the ends are kept. `signal`: cancels the reading; its
 * reason is thrown.
 */
export async function readBody(
  { body }: Response,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<SseData> {
  if (body === null) return { text: "", bytes: 0 };
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let tail: Uint8Array = new Uint8Array();
  const reader = body.getReader();
  const stopListening = cancelOnAbort(reader, signal);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      bytes += value.length;
      if (bytes <= maxBytes) chunks.push(value);
      else {
        if (chunks.length === 0) chunks.push(value);
        chunks.splice(1);
        tail = concat([tail, value]).slice(-EXCERPT_BYTES);
      }
    }
  } finally {
    stopListening();
  }
  if (bytes > maxBytes) {
    const head = decodeLossy(chunks[0]?.subarray(0, EXCERPT_BYTES));
    return { reason: "too-long", bytes, head, tail: decodeLossy(tail) };
  }
  const whole = concat(chunks);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(whole), bytes };
  } catch {
    const head = decodeLossy(whole.subarray(0, EXCERPT_BYTES));
    return { reason: "not-utf8", bytes, head, tail: decodeLossy(whole.subarray(-EXCERPT_BYTES)) };
  }
}

function decodeLossy(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
