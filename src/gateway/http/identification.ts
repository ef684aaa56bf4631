import { isAgentId, type JwtOptions, type Rules } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { readBearer, writeChallenge } from "./bearer.ts";
import type { Claim, Credential, Identification, Identified } from "./credentials.ts";
import type { KeyTimes } from "./issuer_keys.ts";
import { JwtCheck } from "./jwt_check.ts";
import { LoginThrottle } from "./login_throttle.ts";
import { hashToken, TokenTable } from "./token_table.ts";

/** Where MCP is served; the protected resource is this below the origin. */
const RESOURCE_PATH = "/mcp";

/**
 * Where clients look for the protected resource's metadata.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728#section-3.1}
 */
export const METADATA_PATH = `/.well-known/oauth-protected-resource${RESOURCE_PATH}`;

/** When to try again while the issuer's keys cannot be had, in seconds. */
const RETRY_S = 5;

/** What identification works with. */
export interface IdentificationOptions {
  /** The rules in force; asked anew for each request. */
  readonly rules: () => Rules;
  /** Told of refusals, without tokens. */
  readonly log: Log;
  /** Other times for the issuer's keys, for tests. */
  readonly keyTimes?: Partial<KeyTimes>;
}

type Refused = Identified & { readonly kind: "refused" };

/** Finds out who requests are from, by bearer tokens and JWTs of the rules in force. */
export class Identifier implements Identification {
  readonly #options: IdentificationOptions;
  readonly #throttle = new LoginThrottle();
  #table: { readonly rules: Rules; readonly tokens: TokenTable } | undefined;
  #jwtCheck: JwtCheck | undefined;

  /**
   * Loads and fetches nothing yet.
   *
   * @param options See there.
   */
  constructor(options: IdentificationOptions) {
    this.#options = options;
  }

  /** Whether any credential is configured; one that has expired is one, too. */
  get isConfigured(): boolean {
    return isConfigured(this.#options.rules());
  }

  /** The protected resource's metadata, where an issuer is configured that clients can go to. */
  get metadata(): ((origin: string) => Readonly<Record<string, unknown>>) | undefined {
    const { jwt } = this.#options.rules();
    if (jwt === undefined || !isAddress(jwt.issuer)) return undefined;
    return (origin) => ({
      resource: `${origin}${RESOURCE_PATH}`,
      resource_name: "Agent MCP Gateway",
      authorization_servers: [jwt.issuer],
      bearer_methods_supported: ["header"],
    });
  }

  /** Finds out who a request is from. Never throws for what the request says. */
  async identify({ authorization, address, url }: Claim): Promise<Identified> {
    const rules = this.#options.rules();
    if (!isConfigured(rules)) return { kind: "open" };
    const metadataUrl = this.metadata === undefined ? undefined : `${url.origin}${METADATA_PATH}`;
    const bearer = readBearer(authorization);
    if (bearer.kind === "none") {
      const message = "A bearer token is needed: send it as `Authorization: Bearer TOKEN`. " +
        "The operator of the gateway makes it.";
      const wwwAuthenticate = writeChallenge({ metadataUrl });
      return { kind: "refused", status: 401, wwwAuthenticate, message };
    }
    const sent = bearer.kind === "token" ? bearer.token : authorization ?? "";
    const hash = await hashToken(sent);
    if (bearer.kind === "token") {
      const found = await this.#check(bearer.token, hash, { rules, address });
      if (found !== undefined) return found;
    }
    return await this.#refuse(address, hash.toHex(), metadataUrl);
  }

  /** Whether a credential is still good. */
  isValid({ id, agent, expiresAt = Infinity }: Credential): boolean {
    const { agents, jwt } = this.#options.rules();
    const rules = agents.get(agent);
    if (rules === undefined || expiresAt <= Date.now()) return false;
    if (jwt !== undefined && id.startsWith(jwtPrefix(jwt))) return true;
    // By the rules as they are now, which may let it end earlier than it was to.
    return rules.tokens.some(({ sha256, expiresAtMs = Infinity }) => {
      return id === tokenId(sha256) && expiresAtMs > Date.now();
    });
  }

  /** Forgets who failed. */
  async close(): Promise<void> {
    await this.#throttle.close();
  }

  /** Who a token stands for, if anybody. */
  async #check(
    token: string,
    hash: Uint8Array<ArrayBuffer>,
    { rules, address }: { readonly rules: Rules; readonly address: string },
  ): Promise<Identified | undefined> {
    if (this.#table?.rules !== rules) this.#table = { rules, tokens: new TokenTable(rules) };
    const known = this.#table.tokens.find(hash);
    if (known !== undefined && (known.expiresAtMs ?? Infinity) > Date.now()) {
      const waitMs = await this.#throttle.pass(address, known.sha256);
      if (waitMs !== undefined) return refuseForNow(waitMs);
      const { sha256, agent, expiresAtMs } = known;
      const expiry = expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs };
      return { kind: "credential", credential: { id: tokenId(sha256), agent, ...expiry } };
    }
    if (rules.jwt === undefined || token.split(".").length !== 3) return undefined;
    return await this.#checkJwt(token, { rules, jwt: rules.jwt, address });
  }

  async #checkJwt(
    token: string,
    { rules, jwt, address }: {
      readonly rules: Rules;
      readonly jwt: JwtOptions;
      readonly address: string;
    },
  ): Promise<Identified | undefined> {
    const { log, keyTimes } = this.#options;
    if (this.#jwtCheck === undefined || jwtPrefix(this.#jwtCheck.options) !== jwtPrefix(jwt)) {
      const times = keyTimes === undefined ? {} : { times: keyTimes };
      this.#jwtCheck = new JwtCheck(jwt, { log, ...times });
    }
    const checked = await this.#jwtCheck.check(token);
    switch (checked.kind) {
      case "bad":
        log.debug("A JWT was not accepted", { address, reason: checked.reason });
        return undefined;
      case "unavailable": {
        const message = "The token cannot be checked now, because its issuer does not answer. " +
          "Send the request again in a few seconds.";
        return { kind: "refused", status: 503, retryAfterS: RETRY_S, message };
      }
      case "good": {
        const { agent, subject, expiresAtMs: expiresAt } = checked;
        if (typeof agent !== "string" || !isAgentId(agent) || !rules.agents.has(agent)) {
          log.info("A JWT names no agent of the rules", { address, claim: jwt.agentClaim });
          const message = "The token is good, but names no agent of the gateway's rules. " +
            "The operator of the gateway can add the agent.";
          return { kind: "refused", status: 403, message };
        }
        const id = `${jwtPrefix(jwt)}${JSON.stringify([subject, agent])}`;
        return { kind: "credential", credential: { id, agent, expiresAt } };
      }
    }
  }

  /** One answer for all that is not accepted, so that nothing can be learnt from it. */
  async #refuse(
    address: string,
    hash: string,
    metadataUrl: string | undefined,
  ): Promise<Refused> {
    const { waitMs, isFirst } = await this.#throttle.fail(address, hash);
    if (isFirst) {
      this.#options.log.warn("Too many different tokens failed from an address: it has to wait", {
        address,
      });
    }
    if (waitMs !== undefined) return refuseForNow(waitMs);
    const message =
      "The bearer token is not accepted: it is unknown, has expired or was made for " +
      "somebody else. Get a new one, or ask the operator of the gateway.";
    const wwwAuthenticate = writeChallenge({ metadataUrl, error: "invalid_token" });
    return { kind: "refused", status: 401, wwwAuthenticate, message };
  }
}

function refuseForNow(waitMs: number): Refused {
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
  const message = `Too many logins from this address failed. Try again in ${retryAfterS} s.`;
  return { kind: "refused", status: 429, retryAfterS, message };
}

function isConfigured({ agents, jwt }: Rules): boolean {
  return jwt !== undefined || agents.values().some(({ tokens }) => tokens.length > 0);
}

function tokenId(sha256: string): string {
  return `token:${sha256}`;
}

/** What credentials of JWTs begin with; another one where other tokens are accepted than before. */
function jwtPrefix({ issuer, audience, agentClaim, jwksUrl = "" }: JwtOptions): string {
  return `jwt:${JSON.stringify([issuer, audience, agentClaim, jwksUrl])}:`;
}

function isAddress(issuer: string): boolean {
  return ["https:", "http:"].includes(URL.parse(issuer)?.protocol ?? "");
}
