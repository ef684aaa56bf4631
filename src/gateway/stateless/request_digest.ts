import { canonicalJson } from "../../canonical_json.ts";
import { isRecord } from "../../json.ts";
import type { IncomingRequest } from "../../jsonrpc/mod.ts";
import { longWork } from "../../long_work.ts";

/**
 * Maximum length of arguments that are written anew, in UTF-16 code units: about 20 ms. Longer ones have to be written in
 * the same way again.
 */
const MAX_REWRITTEN_LENGTH = 256 * 1024;

/** The requester of a digest. */
export interface DigestOptions {
  /** The client and the agent of the request; see `principalOf`. They may be long. */
  readonly principal: string;
  /** The party that the work is for; see `LongWork`. */
  readonly party: string;
}

/**
 * Returns the SHA-256 digest of what a request asks for, and as whom: its method, what it names, and its arguments, however
 * short ones are written. A request that continues an operation must ask for the same.
 */
export async function digestRequest(
  request: IncomingRequest,
  { principal, party }: DigestOptions,
): Promise<string> {
  const { memory: bytes } = request;
  const text = await longWork.runFor({ party, bytes }, () => textToDigest(request));
  // JSON has no line break, so the principal ends at the first one.
  const bound = `${principal}\n${text}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(bound));
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
  const text = request.paramText("arguments")?.json;
  // A text of the arguments stands in front of the rest, so that it is not the canonical form of any request.
  const asWritten = (): string => `${text} ${JSON.stringify(rest)}`;
  if (text !== undefined && text.length > MAX_REWRITTEN_LENGTH) return asWritten();
  try {
    return canonicalJson({ ...rest, ...(args !== undefined && { arguments: args }) });
  } catch {
    // Some values have no canonical form, such as numbers that are too large.
    return asWritten();
  }
}
