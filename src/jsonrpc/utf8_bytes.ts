/** Size of a text in UTF-8, in bytes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    bytes += code < 0x800 ? 1 : 2;
    // A pair of surrogates is two units and four bytes; the second unit is counted already.
    if (code >= 0xd800 && code < 0xdc00) at++;
  }
  return bytes;
}
