import { Buffer } from "node:buffer";

/** Returns the size of a text in UTF-8 bytes. */
export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text);
}
