import type { IncomingMessage } from "node:http";
import type { Budget } from "../../budget.ts";
import { totalLength } from "../../bytes.ts";
import { decodeChunks } from "../../jsonrpc/mod.ts";
import { LONG_BYTES, longWork } from "../../long_work.ts";
import type { BodyError, ReceivedBody } from "./request_context.ts";

/**
 * Reads the body of a request and handles it. If the body exceeds a limit while it is read, the rest is read but
 * dropped, because a client that is still sending does not read the response.
 *
 * @param options `maxBytes`: maximum size of the body. `memory`: the memory that the body counts in until `handle`
 * is called. `party`: the agent or the clients whose turn it is when a long body is handled.
 * @returns The result of `handle`.
 */
export async function readBody<T>(
  incoming: IncomingMessage,
  { maxBytes, memory, party, handle }: {
    readonly maxBytes: number;
    readonly memory: Budget;
    readonly party: string;
    readonly handle: (body: ReceivedBody) => T;
  },
): Promise<Awaited<T> | BodyError> {
  const chunks = await readChunks(incoming, { maxBytes, memory });
  if (typeof chunks === "string") return chunks;
  const bytes = totalLength(chunks);
  let decoded: string | Uint8Array | undefined = await decodeChunks(chunks, party);
  const handleDecoded = (): T => {
    memory.add(-bytes);
    const body = { text: typeof decoded === "string" ? decoded : undefined, bytes };
    // The body must not be held until the result is known.
    decoded = undefined;
    return handle(body);
  };
  return await (bytes < LONG_BYTES ? handleDecoded() : longWork.run(party, handleDecoded));
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
