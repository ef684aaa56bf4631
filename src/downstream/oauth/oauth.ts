import type { RecoverOptions, ServerAuth } from "../authorization.ts";
import { untilAborted } from "../until_aborted.ts";
import { within } from "../../within.ts";
import type { ClientMethod } from "./client_authentication.ts";
import { discover, type OAuthChallenge, readChallenge } from "./discovery.ts";
import { authRequired, explainLogin, LoginFailed } from "./failures.ts";
import { serverCommand } from "../server_command.ts";
import { LockTimeout } from "../../file_lock.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { isDoneWithin, type LoginAttempt } from "./login_attempt.ts";
import { type OAuthSettings, startLogin } from "./person_login.ts";
import { renew } from "./renew.ts";
import { addSecret, loadSdk } from "./sdk.ts";
import { bearerOf, fitsEntry, isDue, type StoredLogin, type StoredTokens } from "./stored_login.ts";
import { fetchOwnTokens } from "./tokens.ts";

/**
 * A token that is refused within this time after it was obtained would be refused again if renewed.
 */
const FRESH_MS = 10_000;

/** Pause after a failed renewal while the old token is still valid, in milliseconds. */
const PAUSE_MS = 10_000;

/** Maximum time that `close` waits for a renewal in progress, in milliseconds. */
const LAST_RENEWAL_MS = 1000;

/** Interval of the checks for a login that another process has changed, in milliseconds. */
const CHECK_MS = 500;

/** The origin and the time of the current tokens. */
interface Origin {
  readonly how: "stored" | "renewed" | "given";
  readonly at: number;
}

/** OAuth for one server: its tokens, their renewal, and logins. */
export class OAuth implements ServerAuth {
  readonly #settings: OAuthSettings;
  readonly #life = new AbortController();
  #login: StoredLogin | undefined;
  // Tokens of the client credentials grant are cheap to request, so they are not stored.
  #own: StoredTokens | undefined;
  #origin: Origin = { how: "stored", at: -Infinity };
  #reading: Promise<void> | undefined;
  #checksAgainAt = Infinity;
  #renewing: Promise<boolean> | undefined;
  #attempt: LoginAttempt | undefined;
  #renewsAgainAt = -Infinity;
  #ownChallenge: OAuthChallenge = {};
  #ownMethod: ClientMethod | undefined;
  // Tokens of consecutive logins that the server refused immediately.
  readonly #wasted = new Set<string>();

  /** Reads and sends nothing before the first request. */
  constructor(settings: OAuthSettings) {
    this.#settings = settings;
  }

  /** The `Authorization` header of the next request; renews the token if it is due. */
  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (performance.now() > this.#checksAgainAt) this.#reading = undefined;
    await untilAborted(this.#reading ??= this.#read(), signal);
    const { tokens } = this;
    const now = Date.now();
    if (tokens !== undefined && isDue(tokens, now) && performance.now() > this.#renewsAgainAt) {
      try {
        await untilAborted(this.#renew(), signal);
      } catch (error) {
        const isValid = tokens.expires_at !== undefined && tokens.expires_at > now;
        if (signal.aborted || !isValid) throw this.#explain(error, signal);
        this.#renewsAgainAt = performance.now() + PAUSE_MS;
      }
    }
    const authorization = this.#bearer;
    return authorization === undefined ? {} : { authorization };
  }

  /** The current tokens. */
  get tokens(): StoredTokens | undefined {
    return this.#own ?? this.#login?.tokens;
  }

  /** Gets a token after a refusal, so that the request can be repeated. */
  async recover(
    refusal: Response,
    { sentAuthorization: sent, signal }: RecoverOptions,
  ): Promise<void> {
    try {
      await untilAborted(this.#reading ??= this.#read(), signal);
      if (this.#isNewerThan(sent)) return;
      const isScope = refusal.status === 403;
      if (!isScope && await untilAborted(this.#renewRefused(sent), signal)) return;
      const sdk = await untilAborted(loadSdk(), signal);
      const { scope: asked, ...challenge } = readChallenge(refusal, sdk);
      const scope = isScope ? await this.#widen(asked) : asked;
      const wanted = scope === undefined ? {} : { scope };
      await this.#logIn({ ...challenge, ...wanted, isWhole: isScope }, signal);
    } catch (error) {
      throw this.#explain(error, signal);
    }
  }

  /** Cancels a login and stops using the server. */
  async close(): Promise<void> {
    this.#life.abort(new LoginFailed("the gateway no longer uses the server."));
    this.#attempt?.close();
    if (this.#renewing !== undefined) await within(this.#renewing, LAST_RENEWAL_MS);
  }

  get #bearer(): string | undefined {
    return this.#own === undefined ? bearerOf(this.#login) : `Bearer ${this.#own.access_token}`;
  }

  get #isOwn(): boolean {
    return this.#settings.config.options.oauth?.grant === "client_credentials";
  }

  /** Whether the tokens are so new that the server should accept them. */
  get #isFresh(): boolean {
    const { tokens } = this;
    const hasEnded = tokens !== undefined && isDue(tokens, Date.now());
    return !hasEnded && performance.now() - this.#origin.at < FRESH_MS;
  }

  #isNewerThan(sent: string | undefined): boolean {
    return this.#bearer !== undefined && this.#bearer !== sent;
  }

  async #read(): Promise<void> {
    if (this.#isOwn) return;
    const { store, url, config } = this.#settings;
    this.#checksAgainAt = Infinity;
    const known = this.#login;
    const { logins } = await store.read(url);
    this.#checksAgainAt = performance.now() + CHECK_MS;
    const found = logins.find((login) => fitsEntry(login, config));
    // Skipped if this process has stored another login in the meantime.
    const isChanged = known === undefined || bearerOf(found) !== bearerOf(known);
    if (this.#login === known && isChanged) this.#use(found, "stored");
  }

  #use(login: StoredLogin | undefined, how: Origin["how"]): void {
    const { config } = this.#settings;
    const { tokens, client } = login ?? {};
    addSecret(config, tokens?.access_token, tokens?.refresh_token, client?.client_secret);
    this.#login = login;
    this.#origin = { how, at: how === "stored" ? -Infinity : performance.now() };
  }

  /**
   * Renews the tokens, once for all concurrent callers.
   *
   * @returns Whether there are new tokens; if not, the login has ended.
   */
  #renew(): Promise<boolean> {
    this.#renewing ??= this.#renewOnce().finally(() => this.#renewing = undefined);
    return this.#renewing;
  }

  async #renewOnce(): Promise<boolean> {
    if (this.#isOwn) {
      await this.#fetchOwn();
      return true;
    }
    const login = this.#login;
    if (login?.tokens?.refresh_token === undefined) {
      // A token that cannot be renewed is used until the server refuses it.
      return await this.#takeOver();
    }
    const { config, store } = this.#settings;
    const renewed = await renew(login, { config, store, signal: this.#life.signal });
    // Another login may have been stored in the meantime.
    if (this.#login !== login) return this.#login?.tokens !== undefined;
    this.#use(renewed, "renewed");
    return renewed?.tokens !== undefined;
  }

  /** Uses a login that another process has made in the meantime. */
  async #takeOver(): Promise<boolean> {
    const { store, url, config } = this.#settings;
    const last = this.#bearer;
    const { logins } = await store.read(url);
    const login = logins.find((one) => fitsEntry(one, config));
    if (login?.tokens === undefined || bearerOf(login) === last) return false;
    this.#use(login, "stored");
    return true;
  }

  /** Renews a token that the server refused, whatever its expiry. */
  async #renewRefused(sent: string | undefined): Promise<boolean> {
    const { config } = this.#settings;
    const isWasted = sent !== undefined && this.#isFresh && this.#origin.how === "given";
    if (!isWasted) this.#wasted.clear();
    else this.#wasted.add(sent);
    // One refusal may be chance, but no one should have to log in repeatedly for nothing.
    if (this.#wasted.size > 1) {
      throw authRequired(
        config.name,
        "refuses the token that its own login service has just issued. Log in again. If that does not " +
          "help, the operator of the server has to fix it.",
        this.#isOwn ? {} : { command: serverCommand("auth login", config.name) },
      );
    }
    if (this.#isOwn) return false;
    if (await this.#takeOver()) return true;
    if (this.#login?.tokens?.refresh_token === undefined) return false;
    // If renewed tokens are refused as well, the login is worthless.
    if (this.#isFresh && this.#origin.how === "renewed") return false;
    return await this.#renew();
  }

  /** The union of the granted scope and the scope that a request needs. */
  async #widen(needed: string | undefined): Promise<string | undefined> {
    const { name } = this.#settings.config;
    const { computeScopeUnion, isStrictScopeSuperset } = await loadSdk();
    const asked = this.#isOwn ? this.#ownChallenge.scope : this.#login?.requested_scope;
    const union = computeScopeUnion(asked, this.tokens?.scope, needed);
    if (isStrictScopeSuperset(union, asked)) return union;
    throw authRequired(
      name,
      "does not permit this to the account that is logged in, although every scope that the server asks " +
        "for was requested. Log in with an account that has the permission.",
      this.#isOwn ? {} : { command: serverCommand("auth login", name) },
    );
  }

  async #logIn(challenge: OAuthChallenge, signal: AbortSignal): Promise<void> {
    if (this.#isOwn) {
      this.#ownChallenge = challenge;
      await untilAborted(this.#renew(), signal);
      return;
    }
    const { config: { name }, isInteractive, pending, waitMs } = this.#settings;
    const command = serverCommand("auth login", name);
    if (!isInteractive) {
      const why = "needs a login, which the operator of the gateway makes in a terminal.";
      throw authRequired(name, why, { command });
    }
    const attempt = this.#attempt ?? this.#begin(challenge);
    const isDone = untilAborted(isDoneWithin(attempt, waitMs), signal);
    if (await pending.waitFor(isDone)) return;
    const { url } = attempt;
    const how = url === undefined ? "run the command" : "open the link, or run the command";
    const why = `needs a login: a person has to ${how} in a terminal. Then call again.`;
    throw authRequired(name, why, { command, ...(url === undefined ? {} : { url }) });
  }

  #begin(challenge: OAuthChallenge): LoginAttempt {
    const attempt = startLogin(this.#settings, {
      challenge,
      last: this.#login,
      keep: (login) => this.#keep(login),
    });
    this.#attempt = attempt;
    const end = (): void => {
      this.#attempt = undefined;
      // After a failure, the login service may have forgotten the client; the next login registers
      // one.
      if (this.#login?.tokens === undefined) this.#login = undefined;
    };
    attempt.done.then(end, end);
    return attempt;
  }

  async #keep(login: StoredLogin): Promise<void> {
    const { store, url } = this.#settings;
    try {
      await store.locked(url, { signal: this.#life.signal, run: () => store.write(login) });
    } catch (error) {
      if (!(error instanceof LockTimeout)) throw error;
      // The process that holds the lock hangs; a login that a person has just made must not be
      // lost.
      await store.write(login);
    }
    this.#use(login, "given");
  }

  async #fetchOwn(): Promise<void> {
    const { config, url } = this.#settings;
    const sdk = await loadSdk();
    const requests = { config, url, sdk, fetchFn: guardedFetch(this.#life.signal) };
    const service = await discover(this.#ownChallenge, requests);
    const method = this.#ownMethod;
    const granted = await fetchOwnTokens(service, { method, requests });
    this.#own = granted.tokens;
    this.#ownMethod = granted.method;
    this.#origin = { how: "given", at: performance.now() };
  }

  #explain(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted && error === signal.reason) return error;
    return explainLogin(error, this.#settings.config.name);
  }
}
