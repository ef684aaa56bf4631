/** Returns the size of a text in UTF-8 bytes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    bytes += code < 0x800 ? 1 : 2;
    // A surrogate pair is two code units and four bytes; `length` already counts the second unit.
    if (code >= 0xd800 && code < 0xdc00) at++;
  }
  return bytes;
}
