import type { OwnAuthorization, RecoverOptions } from "../authorization.ts";
import { untilAborted } from "../until_aborted.ts";
import { within } from "../../within.ts";
import type { ClientMethod } from "./client_authentication.ts";
import { type Challenge, discover, readChallenge } from "./discovery.ts";
import { authRequired, explainLogin, LoginFailed } from "./failures.ts";
import { serverCommand } from "../server_command.ts";
import { LockTimeout } from "./file_lock.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { isDoneWithin, type LoginAttempt } from "./login_attempt.ts";
import { type OAuthSettings, startLogin } from "./person_login.ts";
import { renew } from "./renew.ts";
import { keepSecret, loadSdk } from "./sdk.ts";
import { bearerOf, fitsEntry, isDue, type StoredLogin, type StoredTokens } from "./stored_login.ts";
import { fetchOwnTokens } from "./tokens.ts";

/** A token that is refused within this time, in milliseconds, is no better for being renewed. */
const FRESH_MS = 10_000;

/** How long a token that still holds is used on after it could not be renewed, in milliseconds. */
const PAUSE_MS = 10_000;

/** How long the end waits for tokens that are just being renewed, in milliseconds. */
const LAST_RENEWAL_MS = 1000;

/** How often it is looked whether another process has changed the login, in milliseconds. */
const LOOK_MS = 500;

/** How the tokens came that are used now. */
interface Origin {
  readonly how: "stored" | "renewed" | "given";
  readonly at: number;
}

/** The authorization of one server by OAuth: tokens, their renewal, and logins. */
export class OAuth implements OwnAuthorization {
  readonly #settings: OAuthSettings;
  readonly #life = new AbortController();
  #login: StoredLogin | undefined;
  // Tokens of the gateway's own (client credentials) are cheap to get, and kept nowhere.
  #own: StoredTokens | undefined;
  #origin: Origin = { how: "stored", at: -Infinity };
  #reading: Promise<void> | undefined;
  #looksAgainAt = Infinity;
  #renewing: Promise<boolean> | undefined;
  #attempt: LoginAttempt | undefined;
  #renewsAgainAt = -Infinity;
  #ownChallenge: Challenge = {};
  #ownMethod: ClientMethod | undefined;
  // What logins in a row gave and the server refused at once.
  readonly #wasted = new Set<string>();

  /**
   * Begins; nothing is read or sent yet.
   *
   * @param settings See there.
   */
  constructor(settings: OAuthSettings) {
    this.#settings = settings;
  }

  /** What a request bears now. */
  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (performance.now() > this.#looksAgainAt) this.#reading = undefined;
    await untilAborted(this.#reading ??= this.#read(), signal);
    const { tokens } = this;
    const now = Date.now();
    if (tokens !== undefined && isDue(tokens, now) && performance.now() > this.#renewsAgainAt) {
      try {
        await untilAborted(this.#renew(), signal);
      } catch (error) {
        const holds = tokens.expires_at !== undefined && tokens.expires_at > now;
        if (signal.aborted || !holds) throw this.#explain(error, signal);
        this.#renewsAgainAt = performance.now() + PAUSE_MS;
      }
    }
    const authorization = this.#bearer;
    return authorization === undefined ? {} : { authorization };
  }

  /** The tokens that are used now. */
  get tokens(): StoredTokens | undefined {
    return this.#own ?? this.#login?.tokens;
  }

  /** Makes a refusal good. */
  async recover(refusal: Response, { sent, signal }: RecoverOptions): Promise<void> {
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

  /** Gives up. */
  async close(): Promise<void> {
    this.#life.abort(new LoginFailed("the gateway does not use the server any more."));
    this.#attempt?.close();
    if (this.#renewing !== undefined) await within(this.#renewing, LAST_RENEWAL_MS);
  }

  get #bearer(): string | undefined {
    return this.#own === undefined ? bearerOf(this.#login) : `Bearer ${this.#own.access_token}`;
  }

  get #isOwn(): boolean {
    return this.#settings.config.options.oauth?.grant === "client_credentials";
  }

  /** Whether the tokens are so new that they should be good. */
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
    this.#looksAgainAt = Infinity;
    const known = this.#login;
    const { logins } = await store.read(url);
    this.#looksAgainAt = performance.now() + LOOK_MS;
    const found = logins.find((login) => fitsEntry(login, config));
    // Unless another one came meanwhile, by way of this process.
    const isChanged = known === undefined || bearerOf(found) !== bearerOf(known);
    if (this.#login === known && isChanged) this.#use(found, "stored");
  }

  #use(login: StoredLogin | undefined, how: Origin["how"]): void {
    const { config } = this.#settings;
    const { tokens, client } = login ?? {};
    keepSecret(config, tokens?.access_token, tokens?.refresh_token, client?.client_secret);
    this.#login = login;
    this.#origin = { how, at: how === "stored" ? -Infinity : performance.now() };
  }

  /**
   * Renews the tokens, once for all who ask.
   *
   * @returns Whether there are new ones; if not, the login is over.
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
      // A token that only ends is used to its end; the server says when.
      return await this.#takeOver();
    }
    const { config, store } = this.#settings;
    const renewed = await renew(login, { config, store, signal: this.#life.signal });
    // Somebody may have logged in meanwhile, elsewhere.
    if (this.#login !== login) return this.#login?.tokens !== undefined;
    this.#use(renewed, "renewed");
    return renewed?.tokens !== undefined;
  }

  /** Uses a login that another process has made meanwhile. */
  async #takeOver(): Promise<boolean> {
    const { store, url, config } = this.#settings;
    const last = this.#bearer;
    const { logins } = await store.read(url);
    const login = logins.find((one) => fitsEntry(one, config));
    if (login?.tokens === undefined || bearerOf(login) === last) return false;
    this.#use(login, "stored");
    return true;
  }

  /** The server refuses a token, whatever is known of its end. */
  async #renewRefused(sent: string | undefined): Promise<boolean> {
    const { config } = this.#settings;
    const isWasted = sent !== undefined && this.#isFresh && this.#origin.how === "given";
    if (!isWasted) this.#wasted.clear();
    else this.#wasted.add(sent);
    // Once may be chance. But nobody is to log in again and again for nothing.
    if (this.#wasted.size > 1) {
      throw authRequired(
        config.name,
        "refuses the token that its own login service has just given. Log in again, and if that " +
          "does not help, tell whoever runs the server.",
        this.#isOwn ? {} : { command: serverCommand("auth login", config.name) },
      );
    }
    if (this.#isOwn) return false;
    if (await this.#takeOver()) return true;
    if (this.#login?.tokens?.refresh_token === undefined) return false;
    // Renewed tokens that are refused, too, mean that the login is worth nothing any more.
    if (this.#isFresh && this.#origin.how === "renewed") return false;
    return await this.#renew();
  }

  /** The scope that was granted, and what a request needs besides. */
  async #widen(needed: string | undefined): Promise<string | undefined> {
    const { name } = this.#settings.config;
    const { computeScopeUnion, isStrictScopeSuperset } = await loadSdk();
    const asked = this.#isOwn ? this.#ownChallenge.scope : this.#login?.requested_scope;
    const union = computeScopeUnion(asked, this.tokens?.scope, needed);
    if (isStrictScopeSuperset(union, asked)) return union;
    throw authRequired(
      name,
      "does not let this login do that, although all that it asks for was asked for. Log in as " +
        "somebody who may.",
      this.#isOwn ? {} : { command: serverCommand("auth login", name) },
    );
  }

  async #logIn(challenge: Challenge, signal: AbortSignal): Promise<void> {
    if (this.#isOwn) {
      this.#ownChallenge = challenge;
      await untilAborted(this.#renew(), signal);
      return;
    }
    const { config: { name }, isInteractive, waitMs } = this.#settings;
    const command = serverCommand("auth login", name);
    if (!isInteractive) {
      const why = "needs a login, which the operator of the gateway has to do by the command.";
      throw authRequired(name, why, { command });
    }
    const attempt = this.#attempt ?? this.#begin(challenge);
    if (await untilAborted(isDoneWithin(attempt, waitMs), signal)) return;
    const { url } = attempt;
    const how = url === undefined ? "run the command" : "open the link, or run the command";
    const why = `needs a login: a person has to ${how} in a terminal. Then call again.`;
    throw authRequired(name, why, { command, ...(url === undefined ? {} : { url }) });
  }

  #begin(challenge: Challenge): LoginAttempt {
    const attempt = startLogin(this.#settings, {
      challenge,
      last: this.#login,
      keep: (login) => this.#keep(login),
    });
    this.#attempt = attempt;
    const end = (): void => {
      this.#attempt = undefined;
      // Where it failed, the login service may have forgotten its client; the next login brings a new one.
      if (this.#login?.tokens === undefined) this.#login = undefined;
    };
    attempt.done.then(end, end);
    return attempt;
  }

  async #keep(login: StoredLogin): Promise<void> {
    const { store, url } = this.#settings;
    try {
      await store.locked(url, this.#life.signal, () => store.write(login));
    } catch (error) {
      if (!(error instanceof LockTimeout)) throw error;
      // Whoever holds the lock hangs; a login that a person has just made is not thrown away.
      await store.write(login);
    }
    this.#use(login, "given");
  }

  async #fetchOwn(): Promise<void> {
    const { config, url } = this.#settings;
    const sdk = await loadSdk();
    const requests = { config, url, sdk, fetchFn: guardedFetch(this.#life.signal) };
    const service = await discover(this.#ownChallenge, requests);
    const { tokens, method } = await fetchOwnTokens(service, this.#ownMethod, requests);
    this.#own = tokens;
    this.#ownMethod = method;
    this.#origin = { how: "given", at: performance.now() };
  }

  #explain(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted && error === signal.reason) return error;
    return explainLogin(error, this.#settings.config.name);
  }
}
