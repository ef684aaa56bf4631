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
    pieces.push(piece);
  }
  return joinBytes(pieces);
}
