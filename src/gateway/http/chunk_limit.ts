import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** Number of chunks that a connection may send, besides those of each request. */
export const CONNECTION_CHUNKS = 1000;

/** Number of chunks that each request may have. */
export const REQUEST_CHUNKS = 16;

/** Minimum average size of all further chunks, in bytes. */
export const MIN_AVERAGE_BYTES = 64;

/** Number of chunks that each connection may still send. */
const remainingChunks = new WeakMap<Socket, number>();

/**
 * Closes a connection that sends bodies in too many tiny chunks. Each chunk takes 3 µs and, until it is read, 450 bytes of
 * memory (measured), whatever its size: 400 kB in chunks of one byte would take 30 MB, and every client may send them
 * before its credential is checked.
 */
export function limitChunks(request: IncomingMessage): void {
  // The parts of any other body arrive in packets, each of which also costs its sender work.
  if (request.headers["transfer-encoding"] === undefined) return;
  const { socket } = request;
  const earlierCount = remainingChunks.get(socket) ?? CONNECTION_CHUNKS;
  remainingChunks.set(socket, earlierCount + REQUEST_CHUNKS);
  const push = request.push.bind(request);
  request.push = (chunk: Uint8Array | null, encoding) => {
    const bytes = chunk?.length ?? 0;
    const count = (remainingChunks.get(socket) ?? 0) - 1 + bytes / MIN_AVERAGE_BYTES;
    remainingChunks.set(socket, count);
    if (count >= 0) return push(chunk, encoding);
    socket.destroy();
    return false;
  };
}
