import type { JSONWebKeySet, JWSHeaderParameters } from "jose";
import type { JwtOptions } from "../../config/mod.ts";
import type { Log } from "../../log.ts";

/** Times that the keys are fetched, and how large they may be. */
export interface KeyTimes {
  /** How long fetched keys are good without a look, in milliseconds. */
  readonly freshMs: number;
  /** How long they are used when the issuer cannot be reached, in milliseconds. */
  readonly staleMs: number;
  /** How long the issuer has to answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How long it is left alone after a failure, in milliseconds. */
  readonly restMs: number;
  /** The time in which at most `maxLooks` looks are taken for keys that are not there, in milliseconds. */
  readonly looksMs: number;
  /** See there. */
  readonly maxLooks: number;
}

const TIMES: KeyTimes = {
  freshMs: 600_000,
  staleMs: 3_600_000,
  timeoutMs: 5000,
  restMs: 3000,
  looksMs: 30_000,
  maxLooks: 3,
};

/** Longest answer of an issuer, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** The issuer's keys cannot be had, so that nothing can be said about a token. */
export class KeysUnavailable extends Error {
  /** Tells this class from others. */
  override readonly name = "KeysUnavailable";
}

type KeySet = ReturnType<typeof import("jose").createLocalJWKSet>;

/**
 * The public keys of an issuer: fetched when first needed, kept, and fetched anew when they are old
 * or a token names one that is not among them. However many tokens come, the issuer is asked seldom.
 */
export class IssuerKeys {
  readonly #options: JwtOptions;
  readonly #log: Log;
  readonly #times: KeyTimes;
  #keys: { readonly set: KeySet; readonly atMs: number } | undefined;
  #fetching: Promise<KeySet> | undefined;
  #looks: number[] = [];
  #restUntil = 0;
  #failure: KeysUnavailable | undefined;

  /**
   * Fetches nothing yet.
   *
   * @param options Whose keys.
   * @param use Told when the keys cannot be had; other times, for tests.
   */
  constructor(options: JwtOptions, use: { readonly log: Log; readonly times?: Partial<KeyTimes> }) {
    this.#options = options;
    this.#log = use.log;
    this.#times = { ...TIMES, ...use.times };
  }

  /**
   * Finds the key that a token is signed with.
   *
   * @param header The token's header; chooses among the issuer's keys and nothing else.
   * @throws {KeysUnavailable} when the keys cannot be had.
   */
  async find(header: JWSHeaderParameters): Promise<CryptoKey> {
    const { errors } = await import("jose");
    const keys = await this.#current();
    try {
      return await keys(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#mayLook()) throw error;
      return await (await this.#fetch())(header);
    }
  }

  async #current(): Promise<KeySet> {
    const { freshMs } = this.#times;
    if (this.#keys !== undefined && this.#ageMs() < freshMs) return this.#keys.set;
    return await this.#fetch();
  }

  #ageMs(): number {
    return this.#keys === undefined ? Infinity : performance.now() - this.#keys.atMs;
  }

  /** Whoever makes up names of keys must not make us ask the issuer each time. */
  #mayLook(): boolean {
    const since = performance.now() - this.#times.looksMs;
    this.#looks = this.#looks.filter((at) => at > since);
    return this.#looks.length < this.#times.maxLooks;
  }

  /** Fetches the keys once for all who wait; gives the old ones where they will do. */
  async #fetch(): Promise<KeySet> {
    try {
      if (performance.now() < this.#restUntil && this.#failure !== undefined) throw this.#failure;
      this.#fetching ??= this.#ask().finally(() => this.#fetching = undefined);
      return await this.#fetching;
    } catch (error) {
      if (this.#keys !== undefined && this.#ageMs() < this.#times.staleMs) return this.#keys.set;
      throw error;
    }
  }

  async #ask(): Promise<KeySet> {
    this.#looks.push(performance.now());
    const controller = new AbortController();
    const tooLong = setTimeout(() => controller.abort(), this.#times.timeoutMs);
    try {
      const { createLocalJWKSet } = await import("jose");
      const url = this.#options.jwksUrl ?? await this.#discover(controller.signal);
      const set = createLocalJWKSet(await fetchJson(url, controller.signal) as JSONWebKeySet);
      this.#keys = { set, atMs: performance.now() };
      this.#failure = undefined;
      return set;
    } catch (cause) {
      const why = controller.signal.aborted ? "it did not answer in time" : reasonOf(cause);
      this.#failure = new KeysUnavailable(why, { cause });
      const hasOld = this.#ageMs() < this.#times.staleMs;
      // With old keys there is less of a hurry, and each look may hold up requests.
      this.#restUntil = performance.now() + this.#times.restMs * (hasOld ? 10 : 1);
      const { issuer } = this.#options;
      const message = "The keys of the issuer (auth.jwt) cannot be had: its tokens are " +
        (hasOld ? "checked with old ones" : "refused");
      this.#log.warn(message, { issuer, reason: why });
      throw this.#failure;
    } finally {
      clearTimeout(tooLong);
    }
  }

  /** Finds the keys' address in the issuer's metadata. */
  async #discover(signal: AbortSignal): Promise<string> {
    const { issuer } = this.#options;
    const failures: string[] = [];
    for (const url of metadataUrls(issuer)) {
      try {
        const metadata = await fetchJson(url, signal) as { issuer?: unknown; jwks_uri?: unknown };
        // Otherwise one issuer could speak for another.
        if (metadata.issuer !== issuer) throw new Error("it is the metadata of another issuer");
        if (typeof metadata.jwks_uri !== "string") throw new Error("it has no jwks_uri");
        if (!mayFetch(metadata.jwks_uri, isLoopback(issuer))) {
          throw new Error("its jwks_uri is no https address");
        }
        return metadata.jwks_uri;
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(`${url}: ${reasonOf(error)}`);
      }
    }
    throw new Error(`No metadata: ${failures.join("; ") || "the issuer is no https address"}`);
  }
}

/**
 * Where an issuer's metadata may be.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#authorization-server-metadata-discovery}
 */
function metadataUrls(issuer: string): string[] {
  const url = URL.parse(issuer);
  if (url === null || !mayFetch(issuer, true)) return [];
  const path = url.pathname.replace(/\/$/, "");
  const at = (where: string): string => `${url.origin}${where}`;
  return [
    at(`/.well-known/oauth-authorization-server${path}`),
    at(`/.well-known/openid-configuration${path}`),
    ...(path === "" ? [] : [at(`${path}/.well-known/openid-configuration`)]),
  ];
}

/** Whether an address may be asked for keys: nobody on the way can have changed them. */
function mayFetch(text: string, mayBeLoopback: boolean): boolean {
  return URL.parse(text)?.protocol === "https:" || (mayBeLoopback && isLoopback(text));
}

function isLoopback(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
}

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  // A redirect could lead anywhere.
  const headers = { accept: "application/json, application/jwk-set+json" };
  const response = await fetch(url, { signal, redirect: "manual", headers });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered with status ${response.status}`);
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error("its answer is too long");
    chunks.push(chunk);
  }
  return JSON.parse(await new Blob(chunks).text()) ?? {};
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
