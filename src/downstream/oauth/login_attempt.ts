import { quoteServerText } from "../secrets.ts";
import { untilAborted } from "../until_aborted.ts";
import {
  type AuthorizationServer,
  createIssuerMismatchError,
  discoverAuthorizationServer,
  type OAuthChallenge,
} from "./discovery.ts";
import { LoginFailure } from "./login_failure.ts";
import { toDownstreamError } from "./translate_error.ts";
import { requireAllowedAddress } from "../../untrusted_fetch.ts";
import { RedirectListener } from "./redirect_listener.ts";
import { findClient } from "./registration.ts";
import { isSafeAddress } from "./safe_address.ts";
import { addDefinedSecrets, createOAuthContext, type OAuthContext } from "./sdk.ts";
import type { StoredClient, StoredLogin } from "./stored_login.ts";
import type { TokenStore } from "./token_store.ts";
import { exchangeCode } from "./tokens.ts";
import type { ServerConfig } from "../../config/mod.ts";

/**
 * Maximum length of the login link, in UTF-16 code units. Agents read the link, and the browser gets it as
 * a command-line argument.
 */
const MAX_LINK_LENGTH = 8192;

/**
 * Result of prompting a person: the means, `client` or `browser`; `answer` if the client prompts the person only when it
 * has the answer to its request; `nobody` if none worked; `declined` if the person declined.
 */
export type PromptOutcome = "client" | "browser" | "answer" | "nobody" | "declined";

/** Options of a login. */
export interface LoginAttemptOptions {
  readonly config: ServerConfig;
  /** The server's address. */
  readonly url: string;
  readonly store: TokenStore;
  readonly challenge: OAuthChallenge;
  /** The previous login, whose client is reused if possible. */
  readonly previousLogin: StoredLogin | undefined;
  /** Maximum duration of the login, in milliseconds. */
  readonly timeoutMs: number;
  /** Prompts the person to open the link; the signal is aborted when the login ends. */
  readonly promptPerson: (url: string, signal: AbortSignal) => Promise<PromptOutcome>;
  /** Stores the new login. */
  readonly storeLogin: (login: StoredLogin) => Promise<void>;
}

/** One attempt by a person to log in. Any number of calls may wait for it. */
export class LoginAttempt {
  /** Resolves when the person is logged in; rejects if the login fails. */
  readonly done: Promise<void>;
  readonly #options: LoginAttemptOptions;
  readonly #abortController = new AbortController();
  #nobodyPrompted = Promise.withResolvers<void>();
  #link: string | undefined;

  /** Starts the login. */
  constructor(options: LoginAttemptOptions) {
    this.#options = options;
    this.done = this.#run();
    // Prevents an unhandled rejection when no call waits any longer.
    this.done.catch(() => {});
  }

  /** Resolves when nobody could be prompted, so that the caller has to pass on the link. */
  get nobodyPrompted(): Promise<void> {
    return this.#nobodyPrompted.promise;
  }

  /** The link to the login page; `undefined` before it is known and after the login has ended. */
  get link(): string | undefined {
    return this.#abortController.signal.aborted ? undefined : this.#link;
  }

  /** Cancels the login. */
  close(): void {
    this.#abort(
      "it was cancelled, because the gateway is stopping or its configuration has changed.",
    );
  }

  async #run(): Promise<void> {
    const { timeoutMs } = this.#options;
    const timer = setTimeout(() => {
      this.#abort(`nobody finished it within ${Math.round(timeoutMs / 1000)} s.`);
    }, timeoutMs);
    try {
      await this.#logIn(await createOAuthContext(this.#options, this.#abortController.signal));
    } finally {
      clearTimeout(timer);
      this.#abort("it is over.");
    }
  }

  async #logIn(context: OAuthContext): Promise<void> {
    const { challenge, previousLogin, config, storeLogin } = this.#options;
    const authorizationServer = await discoverAuthorizationServer(challenge, context);
    const state = createState();
    await using listener = openListener(state, { config, previousLogin });
    const client = await findClient(authorizationServer, {
      redirectUri: listener.uri,
      previousLogin,
      context,
    });
    const { authorizationUrl, codeVerifier } = await this.#startAuthorization(
      authorizationServer,
      client,
      { state, context },
    );
    addDefinedSecrets(config, codeVerifier);
    if (!isSafeAddress(authorizationUrl)) throw new LoginFailure("its login page is not https.");
    const { signal } = this.#abortController;
    await requireAllowedAddress(authorizationUrl, { namedBy: context.url, signal });
    if (authorizationUrl.href.length > MAX_LINK_LENGTH) {
      const message = `the link to its login page is longer than ${MAX_LINK_LENGTH} characters.`;
      throw new LoginFailure(message, { canRetry: false });
    }
    this.#link = authorizationUrl.href;
    try {
      const redirectQuery = await this.#waitForRedirect(authorizationUrl.href, listener);
      const code = readAuthorizationCode(redirectQuery, { authorizationServer, context });
      addDefinedSecrets(config, code);
      const granted = await exchangeCode({ code, codeVerifier }, {
        authorizationServer,
        client,
        context,
      });
      await storeLogin(createStoredLogin(context.url, { authorizationServer, ...granted }));
      const text = "You can close this page and go back to your agent.";
      listener.showPage({ title: `Logged in to ${config.name}`, text });
    } catch (error) {
      const { message } = toDownstreamError(error, config.name);
      const text = `${message} You can close this page.`;
      listener.showPage({ title: `Not logged in to ${config.name}`, text });
      throw error;
    }
  }

  async #startAuthorization(
    authorizationServer: AuthorizationServer,
    client: StoredClient,
    { state, context }: { readonly state: string; readonly context: OAuthContext },
  ): Promise<{ authorizationUrl: URL; codeVerifier: string }> {
    const { metadata, resource, scope } = authorizationServer;
    const { issuer, authorization_endpoint, token_endpoint } = metadata;
    requireSupported("response type", "code", metadata.response_types_supported, context);
    requireSupported(
      "code challenge method",
      "S256",
      metadata.code_challenge_methods_supported,
      context,
    );
    return await context.sdk.startAuthorization(authorizationServer.issuer, {
      metadata: {
        issuer,
        authorization_endpoint,
        token_endpoint,
        response_types_supported: ["code"],
      },
      clientInformation: { client_id: client.client_id },
      redirectUrl: client.redirect_uri,
      ...(scope === undefined ? {} : { scope }),
      state,
      ...(resource === undefined ? {} : { resource }),
    });
  }

  /** Prompts the person, and waits for the redirect; throws if the person declines. */
  async #waitForRedirect(link: string, listener: RedirectListener): Promise<URLSearchParams> {
    const { promptPerson } = this.#options;
    const { signal } = this.#abortController;
    const refusal = Promise.withResolvers<never>();
    promptPerson(link, signal).then((outcome) => {
      if (outcome === "nobody" || outcome === "answer") this.#nobodyPrompted.resolve();
      // Calls that come later find a person who may have the link, so they wait for the login.
      if (outcome === "answer") this.#nobodyPrompted = Promise.withResolvers();
      if (outcome === "declined") refusal.reject(new LoginFailure("the login was declined."));
    }, () => {
      // The client disconnected. The login goes on, because a person may still open the link.
      this.#nobodyPrompted.resolve();
    });
    return await untilAborted(Promise.race([listener.redirectQuery, refusal.promise]), signal);
  }

  #abort(reason: string): void {
    this.#abortController.abort(new LoginFailure(reason));
  }
}

/**
 * Listens on the configured port, otherwise on the port of the previous login, otherwise on any.
 */
function openListener(
  state: string,
  { config, previousLogin }: Pick<LoginAttemptOptions, "config" | "previousLogin">,
): RedirectListener {
  const port = config.options.oauth?.redirectPort;
  if (port !== undefined) return new RedirectListener(state, port);
  const previousPort = Number(URL.parse(previousLogin?.client.redirect_uri ?? "")?.port ?? 0);
  try {
    return new RedirectListener(state, previousPort);
  } catch {
    return new RedirectListener(state, 0);
  }
}

/** Checks the issuer of the redirect, and returns the code in it. */
function readAuthorizationCode(
  redirectQuery: URLSearchParams,
  { authorizationServer, context }: {
    readonly authorizationServer: AuthorizationServer;
    readonly context: OAuthContext;
  },
): string {
  const { metadata, hasMetadata } = authorizationServer;
  const { config } = context;
  const iss = redirectQuery.get("iss");
  // Without metadata, the issuer of the authorization server is unknown, so `iss` is not checked.
  // With metadata, `iss` must equal the issuer exactly, including a trailing slash (RFC 9207 and MCP).
  const lacksIss = iss === null &&
    metadata.authorization_response_iss_parameter_supported === true;
  if (hasMetadata && (lacksIss || (iss !== null && iss !== metadata.issuer))) {
    throw createIssuerMismatchError(
      { actual: iss ?? undefined, expected: metadata.issuer },
      config,
    );
  }
  const error = redirectQuery.get("error");
  if (error !== null) {
    const description = redirectQuery.get("error_description");
    const detail = description === null ? "" : `: ${quoteServerText(description, config)}`;
    throw new LoginFailure(`the login page answered ${quoteServerText(error, config)}${detail}.`);
  }
  const code = redirectQuery.get("code");
  if (code === null) throw new LoginFailure("the login page sent the browser back without a code.");
  return code;
}

function createStoredLogin(
  url: string,
  { authorizationServer, client, tokens }: {
    readonly authorizationServer: AuthorizationServer;
    readonly client: StoredClient;
    readonly tokens: NonNullable<StoredLogin["tokens"]>;
  },
): StoredLogin {
  const { issuer, metadata, resource, scope } = authorizationServer;
  const revocationEndpoint = metadata.revocation_endpoint;
  const methods = metadata.token_endpoint_auth_methods_supported;
  return {
    url,
    issuer,
    endpoints: {
      authorization: metadata.authorization_endpoint,
      token: metadata.token_endpoint,
      ...(revocationEndpoint === undefined ? {} : { revocation: revocationEndpoint }),
      ...(methods === undefined ? {} : { auth_methods: methods }),
    },
    ...(resource === undefined ? {} : { resource }),
    ...(scope === undefined ? {} : { requested_scope: scope }),
    client,
    tokens,
  };
}

/**
 * Throws if the metadata lists the supported values, and the value that the gateway needs is not
 * among them.
 */
function requireSupported(
  parameter: string,
  requiredValue: string,
  supportedValues: readonly string[] | undefined,
  { config }: OAuthContext,
): void {
  if (supportedValues === undefined || supportedValues.includes(requiredValue)) return;
  const quotedValues = quoteServerText(supportedValues.join(", "), config);
  const message =
    `its authorization server offers the ${parameter} ${quotedValues}, but the gateway needs ` +
    `"${requiredValue}".`;
  throw new LoginFailure(message, { canRetry: false });
}

function createState(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * Waits until a login is done, nobody can be prompted, or the time is up.
 *
 * @param attempt The login; its error is thrown.
 * @param timeoutMs Maximum wait, in milliseconds.
 * @returns Whether the person is logged in.
 */
export async function waitForLogin(attempt: LoginAttempt, timeoutMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    const done = attempt.done.then(() => true);
    return await Promise.race([done, attempt.nobodyPrompted.then(() => false), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
