import { canonicalJson } from "../../canonical_json.ts";
import { isRecord } from "../../json.ts";
import type { IncomingRequest } from "../../jsonrpc/mod.ts";
import { longWork } from "../../long_work.ts";

/**
 * Maximum length of arguments that are put into canonical form, in UTF-16 code units; this takes about 20 ms. Clients
 * have to repeat longer arguments character by character.
 */
const MAX_CANONICAL_LENGTH = 256 * 1024;

/** Options of a digest. */
export interface DigestOptions {
  /** The client and the agent of the request; see `principalOf`. They may be long. */
  readonly principal: string;
  /** The party that the work is for; see `LongWork`. */
  readonly party: string;
}

/**
 * Returns the SHA-256 digest of a request and its principal: of its method, its name or URI, and its arguments. For short
 * arguments, it does not matter how they are written. A request that continues an operation must have the same digest.
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
  const otherMembers = {
    method,
    ...(typeof name === "string" && { name }),
    ...(typeof uri === "string" && { uri }),
  };
  const text = request.paramText("arguments")?.json;
  // A text of the arguments stands in front of the rest, so that it is not the canonical form of any request.
  const asWritten = (): string => `${text} ${JSON.stringify(otherMembers)}`;
  if (text !== undefined && text.length > MAX_CANONICAL_LENGTH) return asWritten();
  try {
    return canonicalJson({ ...otherMembers, ...(args !== undefined && { arguments: args }) });
  } catch {
    // Some values have no canonical form, such as numbers that are too large.
    return asWritten();
  }
}
