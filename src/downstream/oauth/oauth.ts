import type { RecoverOptions, ServerAuth } from "../authorization.ts";
import { untilAborted } from "../until_aborted.ts";
import { sleepWatch } from "../../sleep_watch.ts";
import { within } from "../../within.ts";
import type { ClientAuthenticationMethod } from "./client_authentication.ts";
import { discoverAuthorizationServer, type OAuthChallenge, parseChallenge } from "./discovery.ts";
import { createAuthRequiredError, LoginFailure } from "./login_failure.ts";
import { toDownstreamError } from "./translate_error.ts";
import { serverCommand } from "../server_command.ts";
import { LockTimeout } from "../../file_lock.ts";
import { type LoginAttempt, waitForLogin } from "./login_attempt.ts";
import { type OAuthSettings, startLogin } from "./person_login.ts";
import { renewLogin } from "./renew.ts";
import { addDefinedSecrets, createOAuthContext, loadSdk } from "./sdk.ts";
import {
  createAuthorizationHeader,
  isRenewalDue,
  matchesEntry,
  type StoredLogin,
  type StoredTokens,
} from "./stored_login.ts";
import { requestClientTokens } from "./tokens.ts";

/**
 * Age up to which a token is fresh, in milliseconds. A server that refuses a fresh token would refuse the
 * next token, too.
 */
const FRESH_TOKEN_MS = 10_000;

/**
 * Minimum time between a failed renewal and the next one while the token is valid, in milliseconds.
 */
const RENEWAL_RETRY_MS = 10_000;

/** Maximum length of the scope that calls widen, in UTF-16 code units: a server may name another scope each time. */
const MAX_SCOPE_LENGTH = 16 * 1024;

/** Maximum time that `close` waits for a renewal in progress, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * Minimum time between two reads of the stored login, in milliseconds. The login is read again because
 * another process may change it.
 */
const STORE_CHECK_MS = 500;

/** Origin of the current tokens. */
interface TokenOrigin {
  readonly source: "stored" | "renewed" | "login";
  /**
   * Time of the login or renewal on the clock of `performance.now`; `-Infinity` for stored tokens.
   */
  readonly timeMs: number;
  /** Number of sleeps of the machine until then, in which that clock may stand still. */
  readonly sleepCount: number;
}

/** OAuth for one server: its tokens, their renewal, and logins. */
export class OAuth implements ServerAuth {
  readonly #settings: OAuthSettings;
  readonly #abortController = new AbortController();
  #login: StoredLogin | undefined;
  // Tokens of the client credentials grant. They are not stored, because new tokens need no person.
  #clientTokens: StoredTokens | undefined;
  #tokenOrigin: TokenOrigin = createTokenOrigin("stored");
  #storeRead: Promise<void> | undefined;
  #nextStoreReadAt = Infinity;
  #renewal: Promise<boolean> | undefined;
  #loginAttempt: LoginAttempt | undefined;
  #nextRenewalAt = -Infinity;
  #clientChallenge: OAuthChallenge = {};
  #clientMethod: ClientAuthenticationMethod | undefined;
  // `Authorization` headers of consecutive logins whose token the server refused immediately.
  readonly #refusedNewTokens = new Set<string>();

  /** Creates the authorization, which reads and sends nothing before the first request. */
  constructor(settings: OAuthSettings) {
    this.#settings = settings;
  }

  /** Returns the `Authorization` header of the next request; renews the token first if its renewal is due. */
  async getHeaders(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (performance.now() > this.#nextStoreReadAt) this.#storeRead = undefined;
    await untilAborted(this.#storeRead ??= this.#readStore(), signal);
    const { tokens } = this;
    const now = Date.now();
    if (
      tokens !== undefined && isRenewalDue(tokens, now) && performance.now() > this.#nextRenewalAt
    ) {
      try {
        await untilAborted(this.#renew(), signal);
      } catch (error) {
        const isStillValid = tokens.expires_at !== undefined && tokens.expires_at > now;
        if (signal.aborted || !isStillValid) throw this.#toThrownError(error, signal);
        this.#nextRenewalAt = performance.now() + RENEWAL_RETRY_MS;
      }
    }
    const authorization = this.#authorizationHeader;
    return authorization === undefined ? {} : { authorization };
  }

  /** The current tokens. */
  get tokens(): StoredTokens | undefined {
    return this.#clientTokens ?? this.#login?.tokens;
  }

  /** Obtains a token after a refusal, so that the request can be repeated. */
  async recover(
    refusal: Response,
    { sentAuthorization, signal }: RecoverOptions,
  ): Promise<void> {
    try {
      await untilAborted(this.#storeRead ??= this.#readStore(), signal);
      if (this.#hasNewerToken(sentAuthorization)) return;
      const needsWiderScope = refusal.status === 403;
      if (
        !needsWiderScope && await untilAborted(this.#renewRefused(sentAuthorization), signal)
      ) return;
      const sdk = await untilAborted(loadSdk(), signal);
      const { scope: challengeScope, ...challenge } = parseChallenge(refusal, sdk);
      const scope = needsWiderScope
        ? await this.#computeWiderScope(challengeScope)
        : challengeScope;
      const scopeParameter = scope === undefined ? {} : { scope };
      await this.#logIn(
        { ...challenge, ...scopeParameter, isCompleteScope: needsWiderScope },
        signal,
      );
    } catch (error) {
      throw this.#toThrownError(error, signal);
    }
  }

  /** Cancels a login; waits for a renewal in progress. */
  async close(): Promise<void> {
    this.#abortController.abort(new LoginFailure("the gateway no longer uses the server."));
    this.#loginAttempt?.close();
    if (this.#renewal !== undefined) await within(this.#renewal, CLOSE_TIMEOUT_MS);
  }

  get #authorizationHeader(): string | undefined {
    return this.#clientTokens === undefined
      ? createAuthorizationHeader(this.#login)
      : `Bearer ${this.#clientTokens.access_token}`;
  }

  get #usesClientCredentials(): boolean {
    return this.#settings.config.options.oauth?.grant === "client_credentials";
  }

  /** Whether the tokens were issued so recently that the server should accept them. */
  get #isFresh(): boolean {
    const { tokens } = this;
    const isExpiring = tokens !== undefined && isRenewalDue(tokens, Date.now());
    const { timeMs, sleepCount } = this.#tokenOrigin;
    return !isExpiring && sleepWatch.countSleeps() === sleepCount &&
      performance.now() - timeMs < FRESH_TOKEN_MS;
  }

  #hasNewerToken(sentAuthorization: string | undefined): boolean {
    return this.#authorizationHeader !== undefined &&
      this.#authorizationHeader !== sentAuthorization;
  }

  async #readStore(): Promise<void> {
    if (this.#usesClientCredentials) return;
    const { store, url, config } = this.#settings;
    this.#nextStoreReadAt = Infinity;
    const previousLogin = this.#login;
    const { logins, isDamaged } = await store.read(url);
    this.#nextStoreReadAt = performance.now() + STORE_CHECK_MS;
    const storedLogin = logins.find((login) => matchesEntry(login, config));
    // A damaged file is no logout.
    if (storedLogin === undefined && isDamaged) return;
    const isChanged = previousLogin === undefined ||
      createAuthorizationHeader(storedLogin) !== createAuthorizationHeader(previousLogin);
    // This process may have stored another login in the meantime.
    if (this.#login === previousLogin && isChanged) this.#useLogin(storedLogin, "stored");
  }

  #useLogin(login: StoredLogin | undefined, source: TokenOrigin["source"]): void {
    const { config } = this.#settings;
    const { tokens, client } = login ?? {};
    addDefinedSecrets(config, tokens?.access_token, tokens?.refresh_token, client?.client_secret);
    this.#login = login;
    this.#tokenOrigin = createTokenOrigin(source);
  }

  /**
   * Renews the tokens; concurrent callers share one renewal.
   *
   * @returns Whether there are new tokens; if not, the login has ended.
   */
  #renew(): Promise<boolean> {
    this.#renewal ??= this.#renewOnce().finally(() => this.#renewal = undefined);
    return this.#renewal;
  }

  async #renewOnce(): Promise<boolean> {
    if (this.#usesClientCredentials) {
      await this.#fetchClientTokens();
      return true;
    }
    const login = this.#login;
    if (login?.tokens?.refresh_token === undefined) {
      // Without a refresh token, only another process may have stored a newer login.
      return await this.#useNewerStoredLogin();
    }
    const { config, store } = this.#settings;
    const renewedLogin = await renewLogin(login, {
      config,
      store,
      signal: this.#abortController.signal,
    });
    // Another login may have been stored in the meantime.
    if (this.#login !== login) return this.#login?.tokens !== undefined;
    this.#useLogin(renewedLogin, "renewed");
    return renewedLogin?.tokens !== undefined;
  }

  /** Uses the stored login if another process has changed it. Returns whether that was the case. */
  async #useNewerStoredLogin(): Promise<boolean> {
    const { store, url, config } = this.#settings;
    const previousHeader = this.#authorizationHeader;
    const { logins } = await store.read(url);
    const login = logins.find((stored) => matchesEntry(stored, config));
    if (login?.tokens === undefined || createAuthorizationHeader(login) === previousHeader) {
      return false;
    }
    this.#useLogin(login, "stored");
    return true;
  }

  /**
   * Renews a token that the server refused, even if it has not expired.
   *
   * @returns Whether there is a new token.
   * @throws {DownstreamError} if the server refuses the tokens of several logins in succession.
   */
  async #renewRefused(sentAuthorization: string | undefined): Promise<boolean> {
    const { config } = this.#settings;
    const isTokenOfNewLogin = sentAuthorization !== undefined && this.#isFresh &&
      this.#tokenOrigin.source === "login";
    if (isTokenOfNewLogin) this.#refusedNewTokens.add(sentAuthorization);
    else this.#refusedNewTokens.clear();
    // One refusal may be a coincidence. After two, a further login would not help.
    if (this.#refusedNewTokens.size > 1) {
      throw createAuthRequiredError(
        config.name,
        "refuses the token that its own authorization server has just issued. Log in again. If " +
          "that does not help, the operator of the server has to fix it.",
        this.#usesClientCredentials ? {} : { command: serverCommand("auth login", config.name) },
      );
    }
    if (this.#usesClientCredentials) return false;
    if (await this.#useNewerStoredLogin()) return true;
    if (this.#login?.tokens?.refresh_token === undefined) return false;
    // Renewed tokens were refused as well, so a new login is needed.
    if (this.#isFresh && this.#tokenOrigin.source === "renewed") return false;
    return await this.#renew();
  }

  /**
   * Returns the union of the requested scope, the granted scope and the scope that a request needs.
   *
   * @throws {DownstreamError} if all of it was requested before.
   */
  async #computeWiderScope(neededScope: string | undefined): Promise<string | undefined> {
    const { name } = this.#settings.config;
    const { computeScopeUnion, isStrictScopeSuperset } = await loadSdk();
    const requestedScope = this.#usesClientCredentials
      ? this.#clientChallenge.scope
      : this.#login?.requested_scope;
    const union = computeScopeUnion(requestedScope, this.tokens?.scope, neededScope);
    const isTooLong = union !== undefined && union.length > MAX_SCOPE_LENGTH;
    if (isStrictScopeSuperset(union, requestedScope) && !isTooLong) return union;
    throw createAuthRequiredError(
      name,
      isTooLong
        ? "asks for more scopes than the gateway requests. The operator of the server has to fix it."
        : "does not permit this to the account that is logged in, although every scope that the " +
          "server asks for was requested. Log in with an account that has the permission.",
      this.#usesClientCredentials ? {} : { command: serverCommand("auth login", name) },
    );
  }

  async #logIn(challenge: OAuthChallenge, signal: AbortSignal): Promise<void> {
    if (this.#usesClientCredentials) {
      this.#clientChallenge = challenge;
      await untilAborted(this.#renew(), signal);
      return;
    }
    const { config: { name }, isInteractive, pending, waitMs } = this.#settings;
    const command = serverCommand("auth login", name);
    if (!isInteractive) {
      const reason = "needs a login, which the operator of the gateway has to do in a terminal.";
      throw createAuthRequiredError(name, reason, { command });
    }
    const attempt = this.#loginAttempt ?? this.#startLoginAttempt(challenge);
    const loginDone = untilAborted(waitForLogin(attempt, waitMs), signal);
    if (await pending.waitForLogin(loginDone)) return;
    const { link } = attempt;
    const instruction = link === undefined
      ? "run the command"
      : "open the link, or run the command";
    const reason = `needs a login: a person has to ${instruction} in a terminal. Then call again.`;
    const linkDetail = link === undefined ? {} : { url: link };
    throw createAuthRequiredError(name, reason, { command, ...linkDetail });
  }

  #startLoginAttempt(challenge: OAuthChallenge): LoginAttempt {
    const attempt = startLogin(this.#settings, {
      challenge,
      previousLogin: this.#login,
      storeLogin: (login) => this.#storeLogin(login),
    });
    this.#loginAttempt = attempt;
    const removeAttempt = (): void => {
      this.#loginAttempt = undefined;
      // After a failed login, the next login registers a new client: the authorization server may
      // have deleted the old client.
      if (this.#login?.tokens === undefined) this.#login = undefined;
    };
    attempt.done.then(removeAttempt, removeAttempt);
    return attempt;
  }

  async #storeLogin(login: StoredLogin): Promise<void> {
    const { store, url } = this.#settings;
    try {
      await store.withLock(url, {
        signal: this.#abortController.signal,
        run: () => store.write(login),
      });
    } catch (error) {
      if (!(error instanceof LockTimeout)) throw error;
      // The process that holds the lock hangs. Write without the lock, so that the person need not
      // log in again.
      await store.write(login);
    }
    this.#useLogin(login, "login");
  }

  async #fetchClientTokens(): Promise<void> {
    const context = await createOAuthContext(this.#settings, this.#abortController.signal);
    const authorizationServer = await discoverAuthorizationServer(this.#clientChallenge, context);
    const method = this.#clientMethod;
    const granted = await requestClientTokens(authorizationServer, { method, context });
    this.#clientTokens = granted.tokens;
    this.#clientMethod = granted.method;
    this.#tokenOrigin = createTokenOrigin("login");
  }

  #toThrownError(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted && error === signal.reason) return error;
    return toDownstreamError(error, this.#settings.config.name);
  }
}

/** Returns the origin of tokens that are used from now on. */
function createTokenOrigin(source: TokenOrigin["source"]): TokenOrigin {
  const timeMs = source === "stored" ? -Infinity : performance.now();
  return { source, timeMs, sleepCount: sleepWatch.countSleeps() };
}
