/**
 * Bytes in pieces, and bodies of a bounded length. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Joins pieces of bytes. */
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
 * Reads the body of an answer to its end.
 *
 * @param body The body; null is an empty one.
 * @param maxBytes How long it may be; reading stops beyond that.
 * @returns `undefined` where it is longer.
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
    pieces.push(piece);
  }
  return joinBytes(pieces);
}
