import type { JwtOptions } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { IssuerKeys, KeysUnavailable, type KeyTimes } from "./issuer_keys.ts";

/** How far the issuer's clock and ours may be apart, in seconds. */
const TOLERANCE_S = 5;

/**
 * Signatures that only the issuer can make. With HMAC whoever checks could make them, and whoever has
 * the public key could pretend that it is the secret.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8725#section-3.1}
 */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** Kinds of tokens that say who calls; others, such as logout tokens, are signed with the same keys. */
const TYPES: readonly unknown[] = [undefined, "jwt", "at+jwt"];

/** What a JWT says, or why it says nothing. */
export type CheckedJwt =
  | {
    readonly kind: "good";
    /** Value of `sub`; empty where there is none. */
    readonly subject: string;
    /** Value of the claim that names the agent, whatever it is. */
    readonly agent: unknown;
    /** From when on it counts no more, in milliseconds since 1970. */
    readonly expiresAtMs: number;
  }
  /** For the log: the client is not told. */
  | { readonly kind: "bad"; readonly reason: string }
  | { readonly kind: "unavailable" };

/** Checks JWTs of one issuer. */
export class JwtCheck {
  /** Whose tokens, and which. */
  readonly options: JwtOptions;
  readonly #keys: IssuerKeys;

  /**
   * Loads and fetches nothing yet.
   *
   * @param options Whose tokens.
   * @param use What the issuer's keys need.
   */
  constructor(options: JwtOptions, use: { readonly log: Log; readonly times?: Partial<KeyTimes> }) {
    this.options = options;
    this.#keys = new IssuerKeys(options, use);
  }

  /** Checks a token. */
  async check(token: string): Promise<CheckedJwt> {
    const { errors, jwtVerify } = await import("jose");
    const { issuer, audience, agentClaim } = this.options;
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        (header) => this.#keys.find(header),
        {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          clockTolerance: TOLERANCE_S,
          requiredClaims: ["exp"],
        },
      );
      const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, "");
      if (!TYPES.includes(type)) return { kind: "bad", reason: "it is of another type" };
      const { sub, iat, exp = 0 } = payload;
      if (iat !== undefined && iat > Date.now() / 1000 + TOLERANCE_S) {
        return { kind: "bad", reason: '"iat" is in the future' };
      }
      return {
        kind: "good",
        subject: typeof sub === "string" ? sub : "",
        agent: Object.hasOwn(payload, agentClaim) ? payload[agentClaim] : undefined,
        expiresAtMs: (exp + TOLERANCE_S) * 1000,
      };
    } catch (error) {
      if (error instanceof KeysUnavailable) return { kind: "unavailable" };
      // Whatever else is wrong with it, it is not good: keys that cannot be used for its algorithm
      // throw errors of other kinds.
      const reason = error instanceof errors.JOSEError ? error.code : "it cannot be checked";
      return { kind: "bad", reason };
    }
  }
}
