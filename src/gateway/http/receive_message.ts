import type { IncomingMessage } from "node:http";
import type { Budget } from "../../budget.ts";
import {
  ByteBuffer,
  decodeUtf8,
  type Message,
  parseAndHandle,
  readDropped,
} from "../../jsonrpc/mod.ts";
import { LONG_BYTES, longWork, partyOf } from "../../long_work.ts";
import type { BodyError } from "./request_context.ts";

/**
 * Receives the message in the body of a request and handles it; a long message in steps. If the body exceeds a limit
 * while it is read, the rest is dropped, or the connection is closed if the body is long.
 *
 * @param options `maxBytes`: maximum size of the body. `memory`: the sender's budget, which the body counts against
 * until `handle` is called.
 * @returns The result of `handle`.
 */
export async function receiveMessage<T>(
  incoming: IncomingMessage,
  { maxBytes, memory, handle }: {
    readonly maxBytes: number;
    readonly memory: Budget;
    readonly handle: (message: Message) => T;
  },
): Promise<Awaited<T> | BodyError> {
  const buffer = new ByteBuffer({ maxBytes, memory });
  const party = partyOf(memory);
  const error = await readBody(incoming, { buffer, maxBytes, party });
  if (error !== undefined) return error;
  const bytes = buffer.size;
  const handleText = (text: string | undefined): T | BodyError | Promise<T | BodyError> => {
    if (text === undefined) {
      return handle(readDropped({ reason: "not-utf8", bytes, head: "", tail: "" }));
    }
    return parseAndHandle<T | BodyError>({ text, bytes }, {
      memory,
      handle: (message) => {
        const hasNoRoom = message.kind === "invalid" && message.dropped?.reason === "no-room";
        return hasNoRoom ? "busy" : handle(message);
      },
    });
  };
  // The text is not kept in a variable, where it would stay in memory until the result is known.
  return await (bytes < LONG_BYTES
    ? longWork.runOrWait(party, () => handleText(takeText(buffer)))
    : longWork.run(party, () => takeText(buffer)).then(handleText));
}

/** Decodes the bytes of a buffer and frees its memory. */
function takeText(buffer: ByteBuffer): string | undefined {
  const text = decodeUtf8(buffer.bytes);
  buffer.release();
  return text;
}

/** Reads a body into a buffer, which is released if that fails. */
function readBody(
  incoming: IncomingMessage,
  { buffer, maxBytes, party }: {
    readonly buffer: ByteBuffer;
    readonly maxBytes: number;
    readonly party: string;
  },
): Promise<BodyError | undefined> {
  const declaredBytes = Number(incoming.headers["content-length"] ?? 0);
  if (declaredBytes > maxBytes) return Promise.resolve("too-long");
  // The whole size is reserved at once, so that several long bodies are not read halfway and then refused.
  if (!buffer.reserve(declaredBytes)) return Promise.resolve("busy");
  return new Promise((resolve) => {
    const settle = (error?: BodyError): void => {
      // The listeners would hold the body until the response ends.
      incoming.off("data", onData).off("end", onEnd).off("close", onClose);
      incoming.resume();
      if (error !== undefined) buffer.release();
      resolve(error);
    };
    const onData = (chunk: Uint8Array): void => {
      if (!buffer.append(chunk)) {
        return settle(buffer.size + chunk.length > maxBytes ? "too-long" : "busy");
      }
      if (buffer.size < LONG_BYTES) return;
      const turn = longWork.addRead(party, chunk.length);
      if (turn === undefined) return;
      incoming.pause();
      void turn.then(() => incoming.resume());
    };
    const onEnd = (): void => settle();
    const onClose = (): void => settle("incomplete");
    incoming.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}
