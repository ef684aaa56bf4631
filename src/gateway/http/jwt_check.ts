import type { JwtOptions } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { IssuerKeys, KeysUnavailableError, type KeyTimes } from "./issuer_keys.ts";

/** Tolerated difference between the clocks of the issuer and this machine, in seconds. */
const TOLERANCE_S = 5;

/**
 * Signature algorithms that only the issuer can sign with. With HMAC, a verifier could sign too, and an
 * attacker could use the public key as the secret.
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

/** Accepted values of `typ`. The issuer signs tokens of other types, such as logout tokens, with the same keys. */
const ACCEPTED_TYPES: readonly unknown[] = [undefined, "jwt", "at+jwt"];

/** The result of checking a JWT. */
export type JwtResult =
  | {
    readonly kind: "valid";
    /** Value of `sub`, which is not empty. */
    readonly subject: string;
    /** Unchecked value of the claim that names the agent. */
    readonly agent: unknown;
    /** Expiry time in milliseconds since 1970. */
    readonly expiresAtMs: number;
  }
  /** The token is not accepted; `reason` is for the log only, not for the client. */
  | { readonly kind: "invalid"; readonly reason: string }
  /** The keys of the issuer are not available, so the token cannot be checked. */
  | { readonly kind: "unavailable" };

/** Checks JWTs of one issuer. */
export class JwtCheck {
  /** The issuer and the audience of the tokens. */
  readonly options: JwtOptions;
  readonly #keys: IssuerKeys;

  constructor(
    options: JwtOptions,
    context: { readonly log: Log; readonly times?: Partial<KeyTimes> },
  ) {
    this.options = options;
    this.#keys = new IssuerKeys(options, context);
  }

  async check(token: string): Promise<JwtResult> {
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
          requiredClaims: ["exp", "sub"],
        },
      );
      const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, "");
      if (!ACCEPTED_TYPES.includes(type)) {
        return { kind: "invalid", reason: '"typ" is neither "JWT" nor "at+jwt"' };
      }
      const { sub, iat, exp = 0 } = payload;
      if (iat !== undefined && iat > Date.now() / 1000 + TOLERANCE_S) {
        return { kind: "invalid", reason: '"iat" is in the future' };
      }
      // Sessions belong to a subject. If it were absent, two people with the same agent would share sessions.
      if (typeof sub !== "string" || sub === "") {
        return { kind: "invalid", reason: '"sub" is not a non-empty string' };
      }
      return {
        kind: "valid",
        subject: sub,
        agent: Object.hasOwn(payload, agentClaim) ? payload[agentClaim] : undefined,
        expiresAtMs: (exp + TOLERANCE_S) * 1000,
      };
    } catch (error) {
      if (error instanceof KeysUnavailableError) return { kind: "unavailable" };
      // Any other error means that the token is invalid. It may be an error of the platform instead of jose, for
      // example if the key does not fit the algorithm.
      const reason = error instanceof errors.JOSEError ? error.code : "it cannot be checked";
      return { kind: "invalid", reason };
    }
  }
}
