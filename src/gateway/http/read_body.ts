import type { IncomingMessage } from "node:http";
import type { Budget } from "../../budget.ts";
import { joinBytes } from "../../bytes.ts";
import { decodeUtf8 } from "../../jsonrpc/mod.ts";
import { longWork } from "../../long_work.ts";
import type { BodyError, ReceivedBody } from "./request_context.ts";

/** Minimum size of a body that is decoded and handled as long work, in bytes. */
const LONG_BYTES = 256 * 1024;

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
  const bytes = sizeOf(chunks);
  if (bytes < LONG_BYTES) {
    memory.add(-bytes);
    return await handle({ text: decodeUtf8(joinBytes(chunks.splice(0))), bytes });
  }
  // The steps hold the body only until the next step: a body of 50 MB takes 100 MB while it is copied.
  let whole: Uint8Array = await longWork.run(party, () => joinBytes(chunks.splice(0)));
  let text = await longWork.run(party, () => decodeUtf8(whole));
  whole = new Uint8Array();
  return await longWork.run(party, () => {
    memory.add(-bytes);
    const body = { text, bytes };
    text = undefined;
    return handle(body);
  });
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

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}
