import type { IncomingMessage } from "node:http";
import type { Budget } from "../../budget.ts";
import { joinBytes } from "../../bytes.ts";
import type { BodyError } from "./request_context.ts";

/**
 * Reads the body of a request. If the body exceeds a limit while it is read, the rest is read but dropped,
 * because a client that is still sending does not read the response.
 *
 * @param limits The maximum size of this body in bytes, and the memory that it is read into.
 */
export function readBody(
  incoming: IncomingMessage,
  { maxBytes, memory }: { readonly maxBytes: number; readonly memory: Budget },
): Promise<Uint8Array<ArrayBuffer> | BodyError> {
  const declaredBytes = Number(incoming.headers["content-length"] ?? 0);
  if (declaredBytes > maxBytes) return Promise.resolve("too-long");
  if (!memory.hasRoom(declaredBytes)) return Promise.resolve("busy");
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = [];
    let size = 0;
    const settle = (result: Uint8Array<ArrayBuffer> | BodyError): void => {
      // The listeners would hold the body until the response ends.
      incoming.off("data", onData).off("end", onEnd).off("close", onClose);
      incoming.resume();
      chunks = [];
      memory.add(-size);
      resolve(result);
    };
    const onData = (chunk: Uint8Array): void => {
      if (size + chunk.length > maxBytes) return settle("too-long");
      if (!memory.hasRoom(chunk.length)) return settle("busy");
      chunks.push(chunk);
      size += chunk.length;
      memory.add(chunk.length);
    };
    const onEnd = (): void => settle(joinBytes(chunks));
    const onClose = (): void => settle("gone");
    incoming.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}
