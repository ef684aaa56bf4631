/** The identity that a request's credential proves. */
export interface Credential {
  /** Id of the credential: the same for renewed JWTs of the same issuer, subject and agent. */
  readonly id: string;
  /** The agent of the credential. */
  readonly agent: string;
  /** Expiry time in milliseconds since 1970; absent if it never expires. */
  readonly expiresAtMs?: number;
}

/** The part of a request that authentication needs. */
export interface AuthRequest {
  /** The `Authorization` header; null if there is none. */
  readonly authorization: string | null;
  /** The client's IP address. */
  readonly address: string;
  /** The URL of the request. */
  readonly url: URL;
}

/** The result of authentication. */
export type AuthResult =
  /** No credential is required: every program on this machine has access. */
  | { readonly kind: "open" }
  | { readonly kind: "credential"; readonly credential: Credential }
  | {
    readonly kind: "refused";
    /**
     * 401: no valid credential; 403: a valid credential that names no agent of the rules; 429: too many
     * invalid credentials from the client's network; 503: the credential cannot be checked, because the
     * issuer's keys are not available.
     */
    readonly status: 401 | 403 | 429 | 503;
    /** Value of the `WWW-Authenticate` header. */
    readonly wwwAuthenticate?: string;
    /** Seconds until the client may try again. */
    readonly retryAfterS?: number;
    /** The problem and what to do, for the client. */
    readonly message: string;
  };

/** Authenticates requests. */
export interface Authenticator {
  /** Whether every request to `/mcp` needs a credential. */
  readonly requiresCredential: boolean;
  /** Authenticates a request. Never throws: a credential that cannot be checked is refused. */
  authenticate(request: AuthRequest): Promise<AuthResult>;
  /** Whether a credential is valid: neither expired nor removed from the rules. */
  isValid(credential: Credential): boolean;
  /**
   * Returns the protected resource metadata for the origin of the service; `undefined` unless the rules name an issuer
   * at which clients can log in. Default: there is none.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9728}
   */
  buildMetadata?(origin: string): Readonly<Record<string, unknown>> | undefined;
}

/**
 * Whether a client may continue what it has begun.
 *
 * @param credential The credential with which it began; `undefined` if none was required then.
 */
export function mayContinue(
  credential: Credential | undefined,
  authenticator: Authenticator,
): boolean {
  return credential === undefined
    ? !authenticator.requiresCredential
    : authenticator.isValid(credential);
}
