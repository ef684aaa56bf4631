import { createHash } from "node:crypto";
import { isAgentId } from "../../agent_id.ts";
import { hasCredentials, isHttpUrl, type JwtOptions, type Rules } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import type { Authenticator, AuthRequest, AuthResult, Credential } from "./authentication.ts";
import { readBearer, writeChallenge } from "./bearer.ts";
import type { KeyTimes } from "./issuer_keys.ts";
import { JwtCheck } from "./jwt_check.ts";
import { LoginThrottle } from "./login_throttle.ts";

/** Path of the MCP endpoint, which is the protected resource. */
const RESOURCE_PATH = "/mcp";

/**
 * Path of the protected resource metadata.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3.1}
 */
export const METADATA_PATH = `/.well-known/oauth-protected-resource${RESOURCE_PATH}`;

/** `Retry-After` while the issuer's keys are not available, in seconds. */
const RETRY_S = 5;

/** Options of the authenticator. */
export interface RulesAuthenticatorOptions {
  /** Returns the active rules; called for each request. */
  readonly rules: () => Rules;
  /** Receives failed logins, without the tokens. */
  readonly log: Log;
  /** Times for fetching the issuer's keys that differ from the defaults. */
  readonly keyTimes?: Partial<KeyTimes>;
}

interface KnownToken {
  readonly agent: string;
  readonly expiresAtMs?: number;
}

type Refused = AuthResult & { readonly kind: "refused" };

/** Authenticates requests by the bearer tokens and the JWT issuer of the active rules. */
export class RulesAuthenticator implements Authenticator {
  readonly #options: RulesAuthenticatorOptions;
  readonly #throttle = new LoginThrottle();
  #index: { readonly rules: Rules; readonly tokens: ReadonlyMap<string, KnownToken> } | undefined;
  #jwtCheck: JwtCheck | undefined;
  #hasCredentials = false;
  #requiresCredential = false;

  /**
   * Creates the authenticator. The issuer's keys are fetched when they are first needed.
   */
  constructor(options: RulesAuthenticatorOptions) {
    this.#options = options;
    this.onRulesChanged();
  }

  /** Whether the rules have a credential, or have had one since the start. An expired credential counts. */
  get requiresCredential(): boolean {
    return this.#requiresCredential;
  }

  /**
   * Must be called after every change of the active rules. Once the rules have had a credential, requests
   * without one are refused, because an operator who deletes the last token does not want to let everyone in.
   */
  onRulesChanged(): void {
    const hadCredentials = this.#hasCredentials;
    this.#hasCredentials = hasCredentials(this.#options.rules());
    this.#requiresCredential ||= this.#hasCredentials;
    if (hadCredentials && !this.#hasCredentials) {
      this.#options.log.warn(
        "The changed rules have no credentials, so every request to /mcp is refused. Fix: add a token with " +
          "`agent-mcp-gateway token AGENT`, or restart the gateway to serve this machine without credentials",
      );
    }
  }

  /**
   * Returns the protected resource metadata for the origin of the service; `undefined` unless the rules name an issuer
   * at which clients can log in.
   */
  buildMetadata(origin: string): Readonly<Record<string, unknown>> | undefined {
    const issuer = this.#loginIssuer();
    if (issuer === undefined) return undefined;
    return {
      resource: `${origin}${RESOURCE_PATH}`,
      resource_name: "Agent MCP Gateway",
      authorization_servers: [issuer],
      bearer_methods_supported: ["header"],
    };
  }

  /** Authenticates a request. Never throws, whatever the request contains. */
  async authenticate({ authorization, address, url }: AuthRequest): Promise<AuthResult> {
    if (!this.#requiresCredential) return { kind: "open" };
    const metadataUrl = this.#loginIssuer() === undefined
      ? undefined
      : `${url.origin}${METADATA_PATH}`;
    const bearer = readBearer(authorization);
    if (bearer.kind === "none") {
      const message = "A bearer token is needed: send it as `Authorization: Bearer TOKEN`. " +
        "The operator of the gateway can issue one.";
      const wwwAuthenticate = writeChallenge({ metadataUrl });
      return { kind: "refused", status: 401, wwwAuthenticate, message };
    }
    const sha256 = hashToken(bearer.kind === "token" ? bearer.token : authorization ?? "");
    if (bearer.kind === "token") {
      const result = this.#checkToken(sha256) ?? await this.#checkJwt(bearer.token, address);
      if (result !== undefined) return result;
    }
    return this.#refuseToken(sha256, { address, metadataUrl });
  }

  isValid({ id, agent, expiresAtMs = Infinity }: Credential): boolean {
    const { agents, jwt } = this.#options.rules();
    const rules = agents.get(agent);
    if (rules === undefined || expiresAtMs <= Date.now()) return false;
    if (jwt !== undefined && id.startsWith(jwtPrefix(jwt))) return true;
    // A change of the rules may have removed the token, or made it expire earlier.
    return rules.tokens.some((token) => id === tokenId(token.sha256) && !isExpired(token));
  }

  /** Returns the URL of the issuer at which clients can log in; `undefined` if the rules name none. */
  #loginIssuer(): string | undefined {
    const { jwt } = this.#options.rules();
    return jwt !== undefined && isHttpUrl(jwt.issuer) ? jwt.issuer : undefined;
  }

  /** Returns the credential of a token in the rules; `undefined` if the token is unknown or has expired. */
  #checkToken(sha256: string): AuthResult | undefined {
    const rules = this.#options.rules();
    if (this.#index?.rules !== rules) this.#index = { rules, tokens: indexTokens(rules) };
    const token = this.#index.tokens.get(sha256);
    if (token === undefined || isExpired(token)) return undefined;
    const { agent, expiresAtMs } = token;
    const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
    return { kind: "credential", credential: { id: tokenId(sha256), agent, ...expiry } };
  }

  async #checkJwt(token: string, address: string): Promise<AuthResult | undefined> {
    const { log, keyTimes = {} } = this.#options;
    const { jwt, agents } = this.#options.rules();
    if (jwt === undefined || token.split(".").length !== 3) return undefined;
    if (this.#jwtCheck === undefined || jwtPrefix(this.#jwtCheck.options) !== jwtPrefix(jwt)) {
      this.#jwtCheck = new JwtCheck(jwt, { log, times: keyTimes });
    }
    const result = await this.#jwtCheck.check(token);
    switch (result.kind) {
      case "invalid":
        log.debug("A JWT was not accepted", { address, reason: result.reason });
        return undefined;
      case "unavailable": {
        const message = "The token cannot be checked now, because its issuer does not answer. " +
          "Send the request again in a few seconds.";
        return { kind: "refused", status: 503, retryAfterS: RETRY_S, message };
      }
      case "valid": {
        const { agent, subject, expiresAtMs } = result;
        if (typeof agent !== "string" || !isAgentId(agent) || !agents.has(agent)) {
          log.info("A JWT names no agent of the rules", { address, claim: jwt.agentClaim });
          const message = "The token is valid, but names no agent of the gateway's rules. " +
            "The operator of the gateway can add the agent.";
          return { kind: "refused", status: 403, message };
        }
        const id = `${jwtPrefix(jwt)}${JSON.stringify([subject, agent])}`;
        return { kind: "credential", credential: { id, agent, expiresAtMs } };
      }
    }
  }

  /** Records and refuses an invalid token. The answer does not say why, so an attacker learns nothing. */
  #refuseToken(
    sha256: string,
    { address, metadataUrl }: {
      readonly address: string;
      readonly metadataUrl: string | undefined;
    },
  ): Refused {
    const { waitMs, startsWait } = this.#throttle.recordInvalid(address, sha256);
    if (startsWait) {
      this.#options.log.warn(
        "Too many different tokens from one network were refused: it has to wait",
        {
          address,
        },
      );
    }
    if (waitMs !== undefined) return refuseUntilLater(waitMs);
    const message =
      "The bearer token is not accepted: it is unknown, has expired or was made for " +
      "somebody else. Get a new one, or ask the operator of the gateway.";
    const wwwAuthenticate = writeChallenge({ metadataUrl, error: "invalid_token" });
    return { kind: "refused", status: 401, wwwAuthenticate, message };
  }
}

function refuseUntilLater(waitMs: number): Refused {
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
  const message = `Too many logins from this address failed. Try again in ${retryAfterS} s.`;
  return { kind: "refused", status: 429, retryAfterS, message };
}

/** Indexes tokens by their hashes, so that the duration of a lookup reveals nothing about the tokens. */
function indexTokens({ agents }: Rules): ReadonlyMap<string, KnownToken> {
  const index = new Map<string, KnownToken>();
  for (const [agent, { tokens }] of agents) {
    for (const { sha256, ...expiry } of tokens) index.set(sha256, { agent, ...expiry });
  }
  return index;
}

function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function isExpired({ expiresAtMs = Infinity }: { readonly expiresAtMs?: number }): boolean {
  return expiresAtMs <= Date.now();
}

function tokenId(sha256: string): string {
  return `token:${sha256}`;
}

/** Returns the prefix of the ids of JWT credentials. Different settings of the issuer have different prefixes. */
function jwtPrefix({ issuer, audience, agentClaim, jwksUrl = "" }: JwtOptions): string {
  return `jwt:${JSON.stringify([issuer, audience, agentClaim, jwksUrl])}:`;
}
