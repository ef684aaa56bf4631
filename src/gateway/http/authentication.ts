/** Who a request is from, as its credential says. */
export interface Credential {
  /** Equal for the same credential; for a JWT its issuer, subject and agent. */
  readonly id: string;
  /** The agent that it names. */
  readonly agent: string;
  /** When it expires, in milliseconds since 1970. */
  readonly expiresAt?: number;
}

/** The part of a request that says who sent it. */
export interface AuthRequest {
  /** The `Authorization` header; null where there is none. */
  readonly authorization: string | null;
  /** The address it came from. */
  readonly address: string;
  /** The address it was sent to. */
  readonly url: URL;
}

/** Who sent a request, or why it is refused. */
export type AuthResult =
  /** No credentials are configured: whoever reaches the listener, which is on loopback, may ask. */
  | { readonly kind: "open" }
  | { readonly kind: "credential"; readonly credential: Credential }
  | {
    readonly kind: "refused";
    /**
     * 401: no good credential; 403: a good one that may do nothing; 429: too many bad ones; 503: it
     * cannot be checked, because the issuer's keys cannot be had.
     */
    readonly status: 401 | 403 | 429 | 503;
    /** Value of the header of that name. */
    readonly wwwAuthenticate?: string;
    /** Seconds after which it may be tried again. */
    readonly retryAfterS?: number;
    /** What happened and what to do, for whoever sent the request. */
    readonly message: string;
  };

/** Finds out who sends requests. */
export interface Authenticator {
  /** Whether any credential is configured now; then every request to `/mcp` needs one. */
  readonly isConfigured: boolean;
  /** Finds out who sent a request. Never throws: what cannot be checked is refused. */
  authenticate(request: AuthRequest): Promise<AuthResult>;
  /** Whether a credential is still good: neither expired nor taken out of the configuration. */
  isValid(credential: Credential): boolean;
  /**
   * Writes the metadata of the protected resource for the service's address without a path; there
   * while an issuer is configured that clients can go to.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9728}
   */
  readonly metadata?: ((origin: string) => Readonly<Record<string, unknown>>) | undefined;
}

/** No credentials are configured; the listener is on loopback. */
export const OPEN: Authenticator = {
  isConfigured: false,
  authenticate: () => Promise.resolve({ kind: "open" }),
  isValid: () => false,
};
