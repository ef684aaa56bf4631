import { untilAborted } from "../until_aborted.ts";
import type { Asked } from "./ask_person.ts";
import { type Challenge, discover, type LoginService, wrongIssuer } from "./discovery.ts";
import { explainLogin, LoginFailed, quoteServer } from "./failures.ts";
import { guardedFetch } from "./guarded_fetch.ts";
import { RedirectListener } from "./redirect_listener.ts";
import { findClient } from "./registration.ts";
import { isSafeAddress } from "./safe_address.ts";
import { keepSecret, loadSdk, type Requests } from "./sdk.ts";
import type { StoredClient, StoredLogin } from "./stored_login.ts";
import { exchangeCode } from "./tokens.ts";
import type { ServerConfig } from "../../config/mod.ts";

/** The longest link that is passed on, in UTF-16 code units: agents read it, and programs get it. */
const MAX_LINK = 8192;

/** What a login is made for. */
export interface AttemptOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Its address. */
  readonly url: string;
  /** What it said when it refused. */
  readonly challenge: Challenge;
  /** The login before, whose client is used again where it can be. */
  readonly last: StoredLogin | undefined;
  /** How long the person may take, in milliseconds. */
  readonly withinMs: number;
  /** Asks the person; the signal ends with the login. */
  readonly ask: (url: string, signal: AbortSignal) => Promise<Asked>;
  /** Keeps what comes out. */
  readonly keep: (login: StoredLogin) => Promise<void>;
}

/** One login of a person, for however many calls wait for it. */
export class LoginAttempt {
  /** Is there when the login is; fails with what the person should know. */
  readonly done: Promise<void>;
  /** Is there when nobody could be asked, and the link has to be passed on. */
  readonly unattended: Promise<void>;
  readonly #options: AttemptOptions;
  readonly #end = new AbortController();
  readonly #unattended = Promise.withResolvers<void>();
  #url: string | undefined;

  /**
   * Begins.
   *
   * @param options See there.
   */
  constructor(options: AttemptOptions) {
    this.#options = options;
    this.unattended = this.#unattended.promise;
    this.done = this.#run();
    // It may end long after the last call has gone.
    this.done.catch(() => {});
  }

  /** Where to log in; `undefined` until that is known, and when it is over. */
  get url(): string | undefined {
    return this.#end.signal.aborted ? undefined : this.#url;
  }

  /** Gives up. */
  close(): void {
    this.#stop("it was given up, because the gateway ends or its configuration has changed.");
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
    const client = await findClient(service, listener.uri, { last, requests });
    const { authorizationUrl, codeVerifier } = await this.#begin(service, client, {
      state,
      requests,
    });
    keepSecret(config, codeVerifier);
    if (!isSafeAddress(authorizationUrl)) throw new LoginFailed("its login page is not https.");
    if (authorizationUrl.href.length > MAX_LINK) {
      const message = `the link to its login page is longer than ${MAX_LINK} characters.`;
      throw new LoginFailed(message, { canRetry: false });
    }
    this.#url = authorizationUrl.href;
    try {
      const answer = await this.#ask(authorizationUrl.href, listener);
      const code = readAnswer(answer, { service, requests });
      keepSecret(config, code);
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

  /** Waits for the browser to come back, unless the person does not want to. */
  async #ask(url: string, listener: RedirectListener): Promise<URLSearchParams> {
    const { ask } = this.#options;
    const { signal } = this.#end;
    const declined = Promise.withResolvers<never>();
    ask(url, signal).then((asked) => {
      if (asked === "nobody") this.#unattended.resolve();
      if (asked === "declined") declined.reject(new LoginFailed("the login was declined."));
    }, () => {
      // The client went away with the question; somebody may still have the link.
      this.#unattended.resolve();
    });
    return await untilAborted(Promise.race([listener.answer, declined.promise]), signal);
  }

  #stop(why: string): void {
    this.#end.abort(new LoginFailed(why));
  }
}

/** At the configured port, else where the client was registered, else anywhere. */
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

/** The code that the browser brings; its issuer is checked before anything else is believed. */
function readAnswer(
  answer: URLSearchParams,
  { service, requests }: { readonly service: LoginService; readonly requests: Requests },
): string {
  const { metadata, isDescribed } = service;
  const { config } = requests;
  const iss = answer.get("iss");
  // Of a service that does not describe itself nobody knows how it is called. Of any other the name has
  // to be the very one that it gave itself: RFC 9207 and MCP forbid to let even a slash pass here, and a
  // service knows how it has just written its own name.
  const isMissing = iss === null &&
    metadata.authorization_response_iss_parameter_supported === true;
  if (isDescribed && (isMissing || (iss !== null && iss !== metadata.issuer))) {
    throw wrongIssuer(iss ?? undefined, metadata.issuer, config);
  }
  const error = answer.get("error");
  if (error !== null) {
    const said = answer.get("error_description");
    const more = said === null ? "" : `: ${quoteServer(said, config)}`;
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

/** Where a service names what it offers, the gateway's must be among it. */
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
 * Waits for a person, as long as one can be asked.
 *
 * @param attempt What is waited for; its failure is thrown.
 * @param ms How long at most, in milliseconds.
 * @returns Whether it is done.
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
