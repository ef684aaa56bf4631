/** Maximum header length in characters; JWTs with many claims have a few thousand. */
const MAX_LENGTH = 16 * 1024;

/** A parsed `Authorization` header. */
export type Bearer =
  | { readonly kind: "none" }
  /** Another scheme, two schemes, or a malformed token. */
  | { readonly kind: "malformed" }
  | { readonly kind: "token"; readonly token: string };

/**
 * Parses an `Authorization` header.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2.1}
 */
export function readBearer(header: string | null): Bearer {
  if (header === null || header.trim() === "") return { kind: "none" };
  if (header.length > MAX_LENGTH) return { kind: "malformed" };
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header) ?? [];
  return token === undefined ? { kind: "malformed" } : { kind: "token", token };
}

/** The parameters of a `WWW-Authenticate` header. */
export interface Challenge {
  /** URL of the protected resource metadata. */
  readonly metadataUrl?: string | undefined;
  /** The error that refuses the token; absent if the request had no token. */
  readonly error?: "invalid_token";
}

/**
 * Writes the value of `WWW-Authenticate` for a request whose token is missing or refused.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-5.1}
 */
export function writeChallenge({ metadataUrl, error }: Challenge): string {
  const parameters = ['realm="agent-mcp-gateway"'];
  if (error !== undefined) parameters.push(`error="${error}"`);
  // A serialized URL has no quotation marks.
  if (metadataUrl !== undefined) parameters.push(`resource_metadata="${metadataUrl}"`);
  return `Bearer ${parameters.join(", ")}`;
}
