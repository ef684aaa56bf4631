/** Matches a value that is sent as it is: printable ASCII without a blank at either end. Proxies drop empty headers. */
const PLAIN_VALUE = /^[!-~](?:[ -~]*[!-~])?$/;

/** Matches a value that would be read as an encoded one. */
const ENCODED_VALUE = /^=\?base64\?.*\?=$/i;

/** Encodes a text as the value of a header; most texts are their own encoding. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN_VALUE.test(text) && !ENCODED_VALUE.test(text)) return text;
  return `=?base64?${new TextEncoder().encode(text).toBase64()}?=`;
}
