/**
 * Joins chunks of bytes, and reads bodies of a bounded size. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Joins chunks of bytes. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/**
 * Returns a chunk for keeping. What `fetch` decompresses arrives as 4 KiB at the beginning of a buffer
 * of 64 KiB: without a copy, a body of 64 MiB would hold 1 GiB.
 */
export function compactBytes(chunk: Uint8Array): Uint8Array {
  return chunk.length < chunk.buffer.byteLength / 2 ? chunk.slice() : chunk;
}

/**
 * Reads a body to its end.
 *
 * @param body The body; null means an empty one.
 * @param maxBytes Maximum size; reading stops beyond it.
 * @returns `undefined` if the body is larger.
 */
export async function readBytes(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.length;
    if (size > maxBytes) return undefined;
    pieces.push(compactBytes(piece));
  }
  return joinBytes(pieces);
}
