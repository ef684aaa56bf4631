import type { CryptoKey, FetchImplementation, JSONWebKeySet, JWSHeaderParameters } from "jose";
import type { JwtOptions } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { isSecureUrl } from "../../loopback.ts";
import type { UntrustedAddressOptions } from "../../untrusted_fetch.ts";

/** Times for fetching the keys, in milliseconds. */
export interface KeyTimes {
  /** Age at which keys are fetched again. */
  readonly freshMs: number;
  /** Maximum age of keys while the issuer is unreachable. */
  readonly staleMs: number;
  /** Maximum time for an answer of the issuer. */
  readonly timeoutMs: number;
  /** Pause after a failed fetch; ten times as long while old keys are in use. */
  readonly retryDelayMs: number;
  /** Time after a fetch in which an unknown key causes no other fetch. */
  readonly cooldownMs: number;
}

const DEFAULT_TIMES: KeyTimes = {
  freshMs: 600_000,
  staleMs: 3_600_000,
  timeoutMs: 5000,
  retryDelayMs: 3000,
  cooldownMs: 10_000,
};

/** The issuer's keys are not available, so a token cannot be checked. */
export class KeysUnavailableError extends Error {
  override readonly name = "KeysUnavailableError";
}

type KeySet = ReturnType<typeof import("jose").createRemoteJWKSet>;

/**
 * The public keys of an issuer, cached by jose. They are fetched when first needed, and again when they
 * are old or a token names an unknown key, with a minimum pause between fetches.
 */
export class IssuerKeys {
  readonly #options: JwtOptions;
  readonly #log: Log;
  readonly #times: KeyTimes;
  #keys: Promise<KeySet> | undefined;
  #fetchedAt = -Infinity;
  #retryAt = -Infinity;
  #failure: KeysUnavailableError | undefined;

  constructor(
    options: JwtOptions,
    context: { readonly log: Log; readonly times?: Partial<KeyTimes> },
  ) {
    this.#options = options;
    this.#log = context.log;
    this.#times = { ...DEFAULT_TIMES, ...context.times };
  }

  /**
   * Finds the key that verifies the signature of a token.
   *
   * @param header The token's header, which only selects one of the issuer's keys.
   * @throws {KeysUnavailableError} If the keys are not available.
   */
  async find(header: JWSHeaderParameters): Promise<CryptoKey> {
    const keys = await (this.#keys ??= this.#createKeySet());
    // A failed reload is only logged, by `#fetch`: the old keys stay in use until they are stale.
    if (this.#isOlderThan(this.#times.freshMs)) await keys.reload().catch(() => {});
    return await keys(header);
  }

  async #createKeySet(): Promise<KeySet> {
    const { createRemoteJWKSet, customFetch } = await import("jose");
    const fetchKeys: FetchImplementation = async (_, { signal }) => {
      return Response.json(await this.#fetch(signal));
    };
    // jose needs a URL, but `fetchKeys` ignores it.
    return createRemoteJWKSet(new URL("https://issuer.invalid"), {
      cacheMaxAge: this.#times.staleMs,
      cooldownDuration: this.#times.cooldownMs,
      timeoutDuration: this.#times.timeoutMs,
      [customFetch]: fetchKeys,
    });
  }

  #isOlderThan(ms: number): boolean {
    return performance.now() - this.#fetchedAt >= ms;
  }

  /** Fetches the keys, unless a fetch has failed recently. */
  async #fetch(signal: AbortSignal): Promise<JSONWebKeySet> {
    if (this.#failure !== undefined && performance.now() < this.#retryAt) throw this.#failure;
    try {
      const { createLocalJWKSet } = await import("jose");
      const { issuer, jwksUrl } = this.#options;
      const url = jwksUrl ?? await findKeysUrl(issuer, signal);
      const keys = await fetchJson(url, { namedBy: jwksUrl ?? issuer, signal }) as JSONWebKeySet;
      createLocalJWKSet(keys); // Throws if these are not keys.
      this.#fetchedAt = performance.now();
      this.#failure = undefined;
      return keys;
    } catch (cause) {
      const reason = signal.aborted ? "it did not answer in time" : messageOf(cause);
      const hasOldKeys = !this.#isOlderThan(this.#times.staleMs);
      // With old keys another attempt is less urgent, and each attempt may delay requests.
      this.#retryAt = performance.now() + this.#times.retryDelayMs * (hasOldKeys ? 10 : 1);
      this.#failure = new KeysUnavailableError(reason, { cause });
      const message = "The keys of the issuer (auth.jwt) cannot be fetched; its tokens are " +
        (hasOldKeys ? "checked with the keys fetched before" : "refused");
      this.#log.warn(message, { issuer: this.#options.issuer, reason });
      throw this.#failure;
    }
  }
}

/** Finds the URL of an issuer's keys in its metadata. */
async function findKeysUrl(issuer: string, signal: AbortSignal): Promise<string> {
  const failures: string[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      const metadata = await fetchJson(url, { namedBy: issuer, signal }) as {
        issuer?: unknown;
        jwks_uri?: unknown;
      };
      // Otherwise one issuer could publish keys for another.
      if (metadata.issuer !== issuer) throw new Error("it is the metadata of another issuer");
      const { jwks_uri: keysUrl } = metadata;
      if (typeof keysUrl !== "string") throw new Error("it has no jwks_uri");
      if (!isSecureUrl(keysUrl)) throw new Error("its jwks_uri is not an https address");
      return keysUrl;
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(`${url}: ${messageOf(error)}`);
    }
  }
  throw new Error(`No metadata: ${failures.join("; ") || "the issuer is not an https address"}`);
}

/**
 * Returns the possible URLs of an issuer's metadata.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#authorization-server-metadata-discovery}
 */
function metadataUrls(issuer: string): string[] {
  const url = URL.parse(issuer);
  if (url === null || !isSecureUrl(issuer)) return [];
  const path = url.pathname.replace(/\/$/, "");
  return [
    `${url.origin}/.well-known/oauth-authorization-server${path}`,
    `${url.origin}/.well-known/openid-configuration${path}`,
    ...(path === "" ? [] : [`${url.origin}${path}/.well-known/openid-configuration`]),
  ];
}

async function fetchJson(url: string, options: UntrustedAddressOptions): Promise<unknown> {
  const { fetchUntrusted } = await import("../../untrusted_fetch.ts");
  const headers = { accept: "application/json, application/jwk-set+json" };
  const response = await fetchUntrusted(url, { ...options, headers });
  if (response.status !== 200) throw new Error(`it answered with status ${response.status}`);
  return await response.json() ?? {};
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
