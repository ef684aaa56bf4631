import { canonicalJson } from "../../canonical_json.ts";
import { isRecord } from "../../json.ts";
import type { IncomingRequest } from "../../jsonrpc/mod.ts";
import { longWork } from "../../long_work.ts";

/**
 * Returns the SHA-256 digest of what a request asks for: its method, what it names, and its arguments, however they are
 * written. A request that continues an operation must ask for the same.
 *
 * @param party The party that the work is for; see `LongWork`.
 */
export async function digestRequest(request: IncomingRequest, party: string): Promise<string> {
  const { memory: bytes } = request;
  const text = await longWork.runFor({ party, bytes }, () => textToDigest(request));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}

function textToDigest(request: IncomingRequest): string {
  const { method, params } = request;
  const { name, uri, arguments: args } = isRecord(params) ? params : {};
  const rest = {
    method,
    ...(typeof name === "string" && { name }),
    ...(typeof uri === "string" && { uri }),
  };
  try {
    return canonicalJson({ ...rest, ...(args !== undefined && { arguments: args }) });
  } catch {
    // Arguments that have no canonical form have to be written in the same way again.
    return JSON.stringify({ ...rest, text: request.paramText("arguments")?.json });
  }
}
