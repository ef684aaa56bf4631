import { errorCodeOf, isOk, type MembersWith, readMembers, refusalOf } from "./answers.ts";
import {
  type ClientAnswer,
  type ClientMethod,
  type OAuthClient,
  postAsClient,
} from "./client_authentication.ts";
import type { LoginService } from "./discovery.ts";
import { LoginFailed, quoteServer, Unreachable } from "./failures.ts";
import { keepSecret, type Requests } from "./sdk.ts";
import {
  clientOf,
  isToken,
  type StoredClient,
  type StoredLogin,
  type StoredTokens,
} from "./stored_login.ts";

/** Refusals that say that a refresh token will never be good again. */
const ENDED: ReadonlySet<string> = new Set([
  "invalid_grant",
  "invalid_client",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "invalid_target",
]);

/** Those among them that say it of the client. */
const CLIENT_ENDED: ReadonlySet<string> = new Set(["invalid_client", "unauthorized_client"]);

/** Tokens that a service gave, and how the client authenticated for them. */
export interface GrantedTokens {
  readonly tokens: StoredTokens;
  readonly method: ClientMethod;
}

/** What asking for new tokens came to. */
export type Renewal =
  | { readonly kind: "tokens"; readonly tokens: StoredTokens; readonly client: StoredClient }
  | {
    /** The login is over. */
    readonly kind: "ended";
    /** Whether the client is gone, too. */
    readonly isClientGone: boolean;
  };

/** A request for tokens. */
interface TokenRequest {
  /** Where to. */
  readonly endpoint: string;
  /** The client that asks, and the methods of authentication that the service names. */
  readonly client: OAuthClient;
  readonly supported: readonly string[] | undefined;
  /** The grant and all that belongs to it. */
  readonly form: Readonly<Record<string, string>>;
  /** What is asked for, such as "to log in". */
  readonly what: string;
}

/**
 * Gets tokens for the code that the browser brought.
 *
 * @param grant The code, and what belongs to it.
 * @param options Who gives them, and which client asks.
 * @returns The tokens, and the client with the way of authentication that worked.
 * @throws {LoginFailed} where they are refused.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3}
 */
export async function exchangeCode(
  grant: { readonly code: string; readonly codeVerifier: string },
  { service, client, requests }: {
    readonly service: LoginService;
    readonly client: StoredClient;
    readonly requests: Requests;
  },
): Promise<{ readonly tokens: StoredTokens; readonly client: StoredClient }> {
  const { metadata, resource } = service;
  const { tokens, method } = await requestTokens({
    endpoint: metadata.token_endpoint,
    client: clientOf(client, requests.config),
    supported: metadata.token_endpoint_auth_methods_supported,
    form: {
      grant_type: "authorization_code",
      code: grant.code,
      code_verifier: grant.codeVerifier,
      redirect_uri: client.redirect_uri,
      ...(resource === undefined ? {} : { resource }),
    },
    what: "to log in",
  }, requests);
  return { tokens, client: rememberMethod(client, method) };
}

/**
 * Asks for new tokens with the refresh token.
 *
 * @param login The login that goes on.
 * @param requests How requests are made.
 * @throws {Unreachable} where nothing was said about the login, and it may go on later.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-6}
 */
export async function refresh(login: StoredLogin, requests: Requests): Promise<Renewal> {
  const { endpoints, client, resource, tokens: last } = login;
  const refreshToken = last?.refresh_token;
  if (refreshToken === undefined) return { kind: "ended", isClientGone: false };
  try {
    const { tokens, method } = await requestTokens({
      endpoint: endpoints.token,
      client: clientOf(client, requests.config),
      supported: endpoints.auth_methods,
      form: {
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        ...(resource === undefined ? {} : { resource }),
      },
      what: "to renew the login",
    }, requests);
    const { scope = last?.scope, refresh_token = refreshToken } = tokens;
    const kept = { ...tokens, refresh_token, ...(scope === undefined ? {} : { scope }) };
    return { kind: "tokens", tokens: kept, client: rememberMethod(client, method) };
  } catch (error) {
    if (!(error instanceof LoginFailed)) throw error;
    if (error.code !== undefined && ENDED.has(error.code)) {
      return { kind: "ended", isClientGone: CLIENT_ENDED.has(error.code) };
    }
    // Whatever else it said, it did not say that the login is over.
    const message = `gave an answer that the gateway does not understand: ${error.message}`;
    throw new Unreachable(message, { cause: error });
  }
}

/**
 * Gets tokens for the gateway itself, without a person.
 *
 * @param service Who gives them.
 * @param method How the client authenticated last, where that is known.
 * @param requests How requests are made; the entry has id and secret.
 * @throws {LoginFailed} where they are refused.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.4}
 */
export async function fetchOwnTokens(
  { metadata, resource, scope }: LoginService,
  method: ClientMethod | undefined,
  requests: Requests,
): Promise<GrantedTokens> {
  const { clientId = "", clientSecret = "" } = requests.config.options.oauth ?? {};
  try {
    return await requestTokens({
      endpoint: metadata.token_endpoint,
      client: {
        client_id: clientId,
        client_secret: clientSecret,
        ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
      },
      supported: metadata.token_endpoint_auth_methods_supported,
      form: {
        grant_type: "client_credentials",
        ...(scope === undefined ? {} : { scope }),
        ...(resource === undefined ? {} : { resource }),
      },
      what: "to give the gateway a token",
    }, requests);
  } catch (cause) {
    if (!(cause instanceof LoginFailed)) throw cause;
    const message = `${cause.message} Check client_id, client_secret and scopes under ` +
      "`gateway.oauth` of its entry in the servers file.";
    throw new LoginFailed(message, { cause, canRetry: false });
  }
}

async function requestTokens(request: TokenRequest, requests: Requests): Promise<GrantedTokens> {
  const { endpoint, form, client, supported, what } = request;
  const { config } = requests;
  // A slow answer was written long before it arrives, and its token is as much older.
  const askedAt = Date.now();
  const sent = await postAsClient(endpoint, form, { client, supported, requests });
  const { answer, method } = sent;
  const { body } = answer;
  // Before anything of it can be quoted.
  const secrets = [body?.access_token, body?.refresh_token, body?.id_token];
  keepSecret(config, ...secrets.filter((value) => typeof value === "string"));
  const isRefused = body?.access_token === undefined && errorCodeOf(answer) !== undefined;
  if (!isOk(answer) || body === undefined || isRefused) throw refusalOfClient(sent, what, requests);
  const complaint = `its login service sent an unusable answer when asked ${what}`;
  const members = readMembers(answer, { required: ["access_token"], complaint, config });
  return { tokens: keepTokens(members, askedAt, requests), method };
}

function refusalOfClient(
  { answer, tried }: ClientAnswer,
  what: string,
  { config }: Requests,
): Error {
  const ways = tried.length > 1 ? ` (as ${tried.join(" and as ")})` : "";
  return refusalOf(answer, `${what}${ways}`, config);
}

/** The method that worked is tried first the next time. */
function rememberMethod(client: StoredClient, method: ClientMethod): StoredClient {
  return method === "none" ? client : { ...client, token_endpoint_auth_method: method };
}

/** Takes tokens from an answer, where they are of a kind that the gateway can use. */
function keepTokens(
  members: MembersWith<"access_token">,
  obtained_at: number,
  { config }: Requests,
): StoredTokens {
  const { access_token, refresh_token, scope, expires_in, token_type = "Bearer" } = members;
  if (token_type.toLowerCase() !== "bearer") {
    const kind = quoteServer(token_type, config);
    const message = `its login service gave a token of the kind ${kind}, and only bearer tokens ` +
      "can be used.";
    throw new LoginFailed(message, { canRetry: false });
  }
  if (!isToken(access_token)) {
    const message =
      "its login service gave a token that cannot be sent: it holds characters that " +
      "no token has.";
    throw new LoginFailed(message, { canRetry: false });
  }
  return {
    access_token,
    ...(refresh_token === undefined ? {} : { refresh_token }),
    ...(scope === undefined ? {} : { scope }),
    obtained_at,
    ...(expires_in === undefined ? {} : { expires_at: obtained_at + expires_in * 1000 }),
  };
}

/**
 * Takes a login back where its service can.
 *
 * @param login The login.
 * @param requests How requests are made.
 * @returns Whether the service can.
 * @throws {Unreachable | LoginFailed} where it can and did not.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009}
 */
export async function revoke(login: StoredLogin, requests: Requests): Promise<boolean> {
  const { endpoints: { revocation, auth_methods: supported }, tokens } = login;
  if (revocation === undefined || tokens === undefined) return false;
  let client: OAuthClient = clientOf(login.client, requests.config);
  // The refresh token first: with it goes the whole login.
  for (const hint of ["refresh_token", "access_token"] as const) {
    const token = tokens[hint];
    if (token === undefined) continue;
    const form = { token, token_type_hint: hint };
    const sent = await postAsClient(revocation, form, { client, supported, requests });
    // Some cannot revoke access tokens, which end by themselves.
    const isUnsupported = hint === "access_token" &&
      errorCodeOf(sent.answer) === "unsupported_token_type";
    if (!isOk(sent.answer) && !isUnsupported) {
      throw refusalOfClient(sent, "to revoke the login", requests);
    }
    client = { ...client, token_endpoint_auth_method: sent.method };
  }
  return true;
}
