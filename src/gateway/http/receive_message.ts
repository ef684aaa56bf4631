import type { IncomingMessage } from "node:http";
import type { Budget } from "../../budget.ts";
import { totalLength } from "../../bytes.ts";
import { decodeChunks, type Message, parseMessage, readDropped } from "../../jsonrpc/mod.ts";
import { longWork } from "../../long_work.ts";
import type { BodyError } from "./request_context.ts";

/**
 * Receives the message in the body of a request and handles it; a long message in steps. If the body exceeds a limit
 * while it is read, the rest is dropped; of a long body, the connection is then closed.
 *
 * @param options `maxBytes`: maximum size of the body. `memory`: the memory that the body counts in until `handle`
 * is called. `party`: who sent it, as for `LongWork.run`.
 * @returns The result of `handle`.
 */
export async function receiveMessage<T>(
  incoming: IncomingMessage,
  { maxBytes, memory, party, handle }: {
    readonly maxBytes: number;
    readonly memory: Budget;
    readonly party: string;
    readonly handle: (message: Message) => T;
  },
): Promise<Awaited<T> | BodyError> {
  const chunks = await readChunks(incoming, { maxBytes, memory });
  if (typeof chunks === "string") return chunks;
  const bytes = totalLength(chunks);
  // A variable of this function would hold the message until the result is known.
  return await decodeChunks(chunks, party).then((decoded) =>
    longWork.runFor({ party, bytes }, () => {
      memory.add(-bytes);
      // In the same step: a parsed message takes memory that counts only once it is handled.
      return handle(parseBody(decoded, bytes));
    })
  );
}

function parseBody(decoded: string | Uint8Array, bytes: number): Message {
  return typeof decoded === "string"
    ? parseMessage(decoded, bytes)
    : readDropped({ reason: "not-utf8", bytes, head: "", tail: "" });
}

/** Reads the chunks of a body. They count as memory until the caller frees it. */
function readChunks(
  incoming: IncomingMessage,
  { maxBytes, memory }: { readonly maxBytes: number; readonly memory: Budget },
): Promise<Uint8Array[] | BodyError> {
  const declaredBytes = Number(incoming.headers["content-length"] ?? 0);
  if (declaredBytes > maxBytes) return Promise.resolve("too-long");
  if (!memory.hasRoom(declaredBytes)) return Promise.resolve("busy");
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const settle = (result: Uint8Array[] | BodyError): void => {
      // The listeners would hold the body until the response ends.
      incoming.off("data", onData).off("end", onEnd).off("close", onClose);
      incoming.resume();
      resolve(result);
    };
    const fail = (error: BodyError): void => {
      chunks.length = 0;
      memory.add(-size);
      settle(error);
    };
    const onData = (chunk: Uint8Array): void => {
      if (size + chunk.length > maxBytes) return fail("too-long");
      if (!memory.hasRoom(chunk.length)) return fail("busy");
      chunks.push(chunk);
      size += chunk.length;
      memory.add(chunk.length);
    };
    const onEnd = (): void => settle(chunks);
    const onClose = (): void => fail("gone");
    incoming.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}
