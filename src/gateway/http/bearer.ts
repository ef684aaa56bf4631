/** Longest token that is checked, in characters; JWTs with many claims have some thousands. */
const MAX_LENGTH = 16 * 1024;

/** What an `Authorization` header holds. */
export type Bearer =
  | { readonly kind: "none" }
  /** Another scheme, two of them, or no token that could be one. */
  | { readonly kind: "malformed" }
  | { readonly kind: "token"; readonly token: string };

/**
 * Reads an `Authorization` header.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2.1}
 */
export function readBearer(header: string | null): Bearer {
  if (header === null || header.trim() === "") return { kind: "none" };
  if (header.length > MAX_LENGTH) return { kind: "malformed" };
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header) ?? [];
  return token === undefined ? { kind: "malformed" } : { kind: "token", token };
}

/** What a challenge says besides that a bearer token is wanted. */
export interface Challenge {
  /** Where the protected resource's metadata is. */
  readonly metadataUrl?: string | undefined;
  /** What is wrong with the token; not given where there was none. */
  readonly error?: "invalid_token";
}

/**
 * The value of `WWW-Authenticate` for a request whose token is missing or not accepted.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-5.1}
 */
export function writeChallenge({ metadataUrl, error }: Challenge): string {
  const parameters = ['realm="agent-mcp-gateway"'];
  if (error !== undefined) parameters.push(`error="${error}"`);
  // A URL as it is serialised has no quotation marks.
  if (metadataUrl !== undefined) parameters.push(`resource_metadata="${metadataUrl}"`);
  return `Bearer ${parameters.join(", ")}`;
}
