/** Who a request is from, as its credential says. */
export interface Credential {
  /** Equal for the same credential; for a JWT made of issuer, subject and agent. */
  readonly id: string;
  /** The agent that it names; one of the rules. */
  readonly agent: string;
  /** From when on it counts no more, in milliseconds since 1970. */
  readonly expiresAt?: number;
}

/** Who a request is from, or why nobody was recognised. */
export type Identified =
  /** No credentials are configured: fit for loopback only. */
  | { readonly kind: "open" }
  | { readonly kind: "credential"; readonly credential: Credential }
  | {
    readonly kind: "refused";
    /** 503: nothing is wrong with the credential, but the issuer's keys cannot be had. */
    readonly status: 401 | 403 | 429 | 503;
    /** Value of the header of that name. */
    readonly wwwAuthenticate?: string;
    /** Value of `Retry-After`, in seconds. */
    readonly retryAfterS?: number;
    /** What happened and what to do; fit to be sent. */
    readonly message: string;
  };

/** What a request says of who sent it. */
export interface Unidentified {
  /** Value of its `Authorization` header. */
  readonly authorization: string | null;
  /** The address that it came from. */
  readonly address: string;
  /** Its address, as the client knows it. */
  readonly url: URL;
}

/** Finds out who requests are from. */
export interface Identification {
  /** Finds out who a request is from, by the rules in force. */
  identify(request: Unidentified): Promise<Identified>;
  /** Whether this credential is still good: after a reload, and by its expiry. */
  isValid(credential: Credential): boolean;
  /** Whether any credential is configured, so that every request needs one. */
  readonly isConfigured: boolean;
  /**
   * The protected resource's metadata, where an issuer is configured.
   *
   * @see {@link https://www.rfc-editor.org/rfc/rfc9728}
   */
  readonly metadata?: ((origin: string) => object) | undefined;
}
