import { isRecord } from "../../json.ts";
import type { RequestMessage } from "../../jsonrpc/mod.ts";
import { STATELESS_REVISION } from "../../revisions.ts";

/** The parameter that the header `Mcp-Name` repeats, by method. */
const NAMED_PARAMS: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
]);

/** Padded base64 between the marks of an encoded header. */
const ENCODED = /^=\?base64\?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)\?=$/;

/**
 * Compares the headers of a request without a session with its body, so that a proxy that decides by the headers cannot
 * be misled.
 *
 * @param options `claim`: the revision in the body; it may be of any type. `header`: returns a header.
 * @returns The problem, for the client; `undefined` if there is none.
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http}
 */
export function checkHeaders(
  { method, params }: Pick<RequestMessage, "method" | "params">,
  { claim, header }: {
    readonly claim: unknown;
    readonly header: (name: string) => string | undefined;
  },
): string | undefined {
  // A claim that is not a string is invalid in itself.
  if (typeof claim !== "string") return undefined;
  if (header("mcp-protocol-version") !== claim) {
    return "The header MCP-Protocol-Version must be the revision in the body";
  }
  // Other revisions may have other headers.
  if (claim !== STATELESS_REVISION) return undefined;
  if (header("mcp-method") !== method) {
    return "The header Mcp-Method must be the method in the body";
  }
  const param = NAMED_PARAMS.get(method);
  const name = param === undefined || !isRecord(params) ? undefined : params[param];
  if (typeof name !== "string") return undefined;
  const sentName = header("mcp-name");
  return sentName === undefined || decodeHeader(sentName) !== name
    ? `The header Mcp-Name must be "${param}" in the body`
    : undefined;
}

/** Decodes the value of a header; `undefined` if it is malformed. */
function decodeHeader(value: string): string | undefined {
  if (!value.startsWith("=?base64?") || !value.endsWith("?=")) return value;
  const [, base64] = ENCODED.exec(value) ?? [];
  if (base64 === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(Uint8Array.fromBase64(base64));
  } catch {
    // The bytes are not UTF-8.
    return undefined;
  }
}
