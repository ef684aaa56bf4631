import { untilAborted } from "../until_aborted.ts";
import { discover, type LoginService, type OAuthChallenge, wrongIssuer } from "./discovery.ts";
import { explainLogin, LoginFailed, quoteServer } from "./failures.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { RedirectListener } from "./redirect_listener.ts";
import { findClient } from "./registration.ts";
import { isSafeAddress } from "./safe_address.ts";
import { addSecret, loadSdk, type Requests } from "./sdk.ts";
import type { StoredClient, StoredLogin } from "./stored_login.ts";
import { exchangeCode } from "./tokens.ts";
import type { ServerConfig } from "../../config/mod.ts";

/**
 * Maximum length of the login link, in UTF-16 code units: agents read it, and programs receive it.
 */
const MAX_LINK = 8192;

/** The way in which the person was asked to log in; `nobody` if no one could be asked. */
export type Asked = "client" | "browser" | "nobody" | "declined";

/** Options of a login. */
export interface AttemptOptions {
  readonly config: ServerConfig;
  /** The server's address. */
  readonly url: string;
  readonly challenge: OAuthChallenge;
  /** The previous login, whose client is reused if possible. */
  readonly last: StoredLogin | undefined;
  /** Maximum time for the person, in milliseconds. */
  readonly withinMs: number;
  /** Asks the person; the signal is aborted when the login ends. */
  readonly ask: (url: string, signal: AbortSignal) => Promise<Asked>;
  /** Stores the new login. */
  readonly keep: (login: StoredLogin) => Promise<void>;
}

/** One login of a person; any number of calls may wait for it. */
export class LoginAttempt {
  /** Resolves when the person is logged in; rejects with an error for people. */
  readonly done: Promise<void>;
  /** Resolves when no one could be asked, so that the link has to be passed on to the agent. */
  readonly unattended: Promise<void>;
  readonly #options: AttemptOptions;
  readonly #end = new AbortController();
  readonly #unattended = Promise.withResolvers<void>();
  #url: string | undefined;

  /** Starts the login. */
  constructor(options: AttemptOptions) {
    this.#options = options;
    this.unattended = this.#unattended.promise;
    this.done = this.#run();
    // The login may end long after the last waiting call.
    this.done.catch(() => {});
  }

  /** The login page; `undefined` before it is known and after the login has ended. */
  get url(): string | undefined {
    return this.#end.signal.aborted ? undefined : this.#url;
  }

  /** Cancels the login. */
  close(): void {
    this.#stop(
      "it was cancelled, because the gateway is stopping or its configuration has changed.",
    );
  }

  async #run(): Promise<void> {
    const { config, withinMs } = this.#options;
    const timer = setTimeout(() => {
      this.#stop(`nobody finished it within ${Math.round(withinMs / 1000)} s.`);
    }, withinMs);
    try {
      const sdk = await loadSdk();
      const fetchFn = guardedFetch(this.#end.signal);
      await this.#logIn({ sdk, config, url: this.#options.url, fetchFn });
    } finally {
      clearTimeout(timer);
      this.#stop("it is over.");
    }
  }

  async #logIn(requests: Requests): Promise<void> {
    const { challenge, last, config, keep } = this.#options;
    const service = await discover(challenge, requests);
    const state = randomText();
    await using listener = openListener(state, { config, last });
    const client = await findClient(service, {
      redirectUri: listener.uri,
      last,
      requests,
    });
    const { authorizationUrl, codeVerifier } = await this.#begin(service, client, {
      state,
      requests,
    });
    addSecret(config, codeVerifier);
    if (!isSafeAddress(authorizationUrl)) throw new LoginFailed("its login page is not https.");
    if (authorizationUrl.href.length > MAX_LINK) {
      const message = `the link to its login page is longer than ${MAX_LINK} characters.`;
      throw new LoginFailed(message, { canRetry: false });
    }
    this.#url = authorizationUrl.href;
    try {
      const answer = await this.#ask(authorizationUrl.href, listener);
      const code = readAnswer(answer, { service, requests });
      addSecret(config, code);
      const given = await exchangeCode({ code, codeVerifier }, { service, client, requests });
      await keep(describe(requests.url, { service, ...given }));
      const text = "You can close this page and go back to your agent.";
      listener.show({ title: `Logged in to ${config.name}`, text });
    } catch (error) {
      const { message } = explainLogin(error, config.name);
      const text = `${message} You can close this page.`;
      listener.show({ title: `Not logged in to ${config.name}`, text });
      throw error;
    }
  }

  async #begin(
    service: LoginService,
    client: StoredClient,
    { state, requests }: { readonly state: string; readonly requests: Requests },
  ): Promise<{ authorizationUrl: URL; codeVerifier: string }> {
    const { metadata, resource, scope } = service;
    const { issuer, authorization_endpoint, token_endpoint } = metadata;
    requireOffered("response type", "code", metadata.response_types_supported, requests);
    requireOffered(
      "code challenge method",
      "S256",
      metadata.code_challenge_methods_supported,
      requests,
    );
    return await requests.sdk.startAuthorization(service.issuer, {
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

  /** Waits for the browser's redirect; throws if the person declines. */
  async #ask(url: string, listener: RedirectListener): Promise<URLSearchParams> {
    const { ask } = this.#options;
    const { signal } = this.#end;
    const declined = Promise.withResolvers<never>();
    ask(url, signal).then((asked) => {
      if (asked === "nobody") this.#unattended.resolve();
      if (asked === "declined") declined.reject(new LoginFailed("the login was declined."));
    }, () => {
      // The client disconnected; someone may still have the link.
      this.#unattended.resolve();
    });
    return await untilAborted(Promise.race([listener.answer, declined.promise]), signal);
  }

  #stop(why: string): void {
    this.#end.abort(new LoginFailed(why));
  }
}

/** Listens on the configured port, else on the port of the registered client, else on any. */
function openListener(
  state: string,
  { config, last }: Pick<AttemptOptions, "config" | "last">,
): RedirectListener {
  const port = config.options.oauth?.redirectPort;
  if (port !== undefined) return new RedirectListener(state, port);
  const known = Number(URL.parse(last?.client.redirect_uri ?? "")?.port ?? 0);
  try {
    return new RedirectListener(state, known);
  } catch {
    return new RedirectListener(state, 0);
  }
}

/** Reads the code from the redirect. The issuer is checked before anything else is used. */
function readAnswer(
  answer: URLSearchParams,
  { service, requests }: { readonly service: LoginService; readonly requests: Requests },
): string {
  const { metadata, isDescribed } = service;
  const { config } = requests;
  const iss = answer.get("iss");
  // The issuer of a service without metadata is unknown. Any other must match exactly: RFC 9207 and
  // MCP forbid ignoring even a trailing slash here, because the service has just written its own
  // identifier.
  const isMissing = iss === null &&
    metadata.authorization_response_iss_parameter_supported === true;
  if (isDescribed && (isMissing || (iss !== null && iss !== metadata.issuer))) {
    throw wrongIssuer({ got: iss ?? undefined, wanted: metadata.issuer }, config);
  }
  const error = answer.get("error");
  if (error !== null) {
    const description = answer.get("error_description");
    const more = description === null ? "" : `: ${quoteServer(description, config)}`;
    throw new LoginFailed(`the login page answered ${quoteServer(error, config)}${more}.`);
  }
  const code = answer.get("code");
  if (code === null) throw new LoginFailed("the login page sent the browser back without a code.");
  return code;
}

function describe(
  url: string,
  { service, client, tokens }: {
    readonly service: LoginService;
    readonly client: StoredClient;
    readonly tokens: NonNullable<StoredLogin["tokens"]>;
  },
): StoredLogin {
  const { issuer, metadata, resource, scope } = service;
  const revocation = metadata.revocation_endpoint;
  const methods = metadata.token_endpoint_auth_methods_supported;
  return {
    url,
    issuer,
    endpoints: {
      authorization: metadata.authorization_endpoint,
      token: metadata.token_endpoint,
      ...(revocation === undefined ? {} : { revocation }),
      ...(methods === undefined ? {} : { auth_methods: methods }),
    },
    ...(resource === undefined ? {} : { resource }),
    ...(scope === undefined ? {} : { requested_scope: scope }),
    client,
    tokens,
  };
}

/** Throws if the service lists what it supports and the gateway's choice is not in the list. */
function requireOffered(
  what: string,
  ours: string,
  offered: readonly string[] | undefined,
  { config }: Requests,
): void {
  if (offered === undefined || offered.includes(ours)) return;
  const theirs = quoteServer(offered.join(", "), config);
  const message =
    `its login service offers the ${what} ${theirs}, but the gateway needs "${ours}".`;
  throw new LoginFailed(message, { canRetry: false });
}

function randomText(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * Waits for a login while a person can be asked.
 *
 * @param attempt The login; its failure is thrown.
 * @param ms Maximum wait, in milliseconds.
 * @returns Whether the person is logged in.
 */
export async function isDoneWithin(attempt: LoginAttempt, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    const done = attempt.done.then(() => true);
    return await Promise.race([done, attempt.unattended.then(() => false), tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
