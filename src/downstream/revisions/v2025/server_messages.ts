import { isRecord } from "../../../json.ts";
import { type IncomingRequest, JsonText, type RpcError } from "../../../jsonrpc/mod.ts";
import { URL_ELICITATION_REQUIRED } from "../../../revisions.ts";
import type { ServerRequest } from "../codec.ts";
import { decodeInputRequest, withServerName } from "../input_requests.ts";

/** Decodes a request of a server; `undefined` if servers may not send it. */
export function decodeRequest(request: IncomingRequest, server: string): ServerRequest | undefined {
  if (request.method === "ping") return { kind: "answered", result: {} };
  const decoded = decodeInputRequest(request, server);
  return decoded && { kind: "input", ...decoded };
}

/**
 * Decodes an error that asks for the person to open links; `undefined` for any other error.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-error}
 */
export function decodeUrlInputError(
  { code, message, data }: RpcError,
  server: string,
): JsonText | undefined {
  if (code !== URL_ELICITATION_REQUIRED || !isRecord(data)) return undefined;
  if (!Array.isArray(data.elicitations)) return undefined;
  const elicitations = data.elicitations.filter(isRecord).map((elicitation) => {
    return { ...elicitation, message: withServerName(elicitation.message, server) };
  });
  return new JsonText(JSON.stringify({ code, message, data: { ...data, elicitations } }));
}
