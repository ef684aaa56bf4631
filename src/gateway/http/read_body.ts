import type { IncomingMessage } from "node:http";
import { joinBytes } from "../../bytes.ts";
import type { Budget } from "./budget.ts";
import type { BodyError } from "./request_context.ts";

/**
 * Reads the body of a request. If the body exceeds a limit while it is read, the rest is read but dropped,
 * because a client that is still sending does not read the response.
 *
 * @param limits The maximum size of this body, and the shared limit of all bodies, in bytes.
 */
export function readBody(
  incoming: IncomingMessage,
  { maxBytes, budget }: { readonly maxBytes: number; readonly budget: Budget },
): Promise<Uint8Array<ArrayBuffer> | BodyError> {
  const declaredBytes = Number(incoming.headers["content-length"] ?? 0);
  if (declaredBytes > maxBytes) return Promise.resolve("too-long");
  if (budget.isExceeded(declaredBytes)) return Promise.resolve("busy");
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = [];
    let size = 0;
    let isSettled = false;
    const settle = (result: Uint8Array<ArrayBuffer> | BodyError): void => {
      if (isSettled) return;
      isSettled = true;
      chunks = [];
      budget.used -= size;
      resolve(result);
    };
    incoming.on("data", (chunk: Uint8Array) => {
      if (isSettled) return;
      chunks.push(chunk);
      size += chunk.length;
      budget.used += chunk.length;
      if (size > maxBytes) settle("too-long");
      else if (budget.isExceeded()) settle("busy");
    });
    incoming.on("end", () => {
      if (isSettled) return;
      settle(joinBytes(chunks));
    });
    incoming.on("close", () => settle("gone"));
  });
}
