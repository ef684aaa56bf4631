import { STATELESS_REVISION } from "../../../revisions.ts";

/** Matches a value that is sent as it is: printable ASCII without a blank at either end. */
const PLAIN_VALUE = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** Matches a value that would be read as an encoded one. */
const ENCODED_VALUE = /^=\?base64\?.*\?=$/i;

/**
 * Returns the HTTP headers of a request, which repeat a part of its body.
 *
 * @param method The method.
 * @param options `name`: the name or URI of the item that is requested. `params`: the headers of arguments.
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http}
 */
export function requestHeaders(
  method: string,
  { name, params = {} }: {
    readonly name?: string | undefined;
    readonly params?: Readonly<Record<string, string>>;
  } = {},
): Record<string, string> {
  return {
    ...params,
    "mcp-protocol-version": STATELESS_REVISION,
    "mcp-method": method,
    ...(name === undefined ? {} : { "mcp-name": encodeHeaderValue(name) }),
  };
}

/** Encodes a text as the value of a header; most texts are their own encoding. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN_VALUE.test(text) && !ENCODED_VALUE.test(text)) return text;
  return `=?base64?${new TextEncoder().encode(text).toBase64()}?=`;
}
