import { errorCodeOf, isOk, type MembersWith, readMembers, refusalOf } from "./answers.ts";
import {
  type ClientAnswer,
  type ClientMethod,
  type OAuthClient,
  postAsClient,
} from "./client_authentication.ts";
import type { LoginService } from "./discovery.ts";
import { LoginFailed, quoteServer, Unreachable } from "./failures.ts";
import { addSecret, type Requests } from "./sdk.ts";
import {
  clientOf,
  isToken,
  type StoredClient,
  type StoredLogin,
  type StoredTokens,
} from "./stored_login.ts";

/** Error codes after which a refresh token will never be accepted again. */
const ENDED: ReadonlySet<string> = new Set([
  "invalid_grant",
  "invalid_client",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "invalid_target",
]);

/** Those of them that reject the client. */
const CLIENT_ENDED: ReadonlySet<string> = new Set(["invalid_client", "unauthorized_client"]);

/** Tokens, and the method with which the client authenticated. */
export interface GrantedTokens {
  readonly tokens: StoredTokens;
  readonly method: ClientMethod;
}

/** Result of a renewal. */
export type Renewal =
  | { readonly kind: "tokens"; readonly tokens: StoredTokens; readonly client: StoredClient }
  | {
    /** The login has ended. */
    readonly kind: "ended";
    /** Whether the client was rejected, too. */
    readonly isClientGone: boolean;
  };

/** A request for tokens. */
interface TokenRequest {
  readonly endpoint: string;
  readonly client: OAuthClient;
  /** The authentication methods that the service lists. */
  readonly supported: readonly string[] | undefined;
  /** The grant and its parameters. */
  readonly form: Readonly<Record<string, string>>;
  /** The requested action, such as "to log in". */
  readonly purpose: string;
}

/**
 * Exchanges the code from the browser for tokens.
 *
 * @returns The tokens, and the client with the authentication method that worked.
 * @throws {LoginFailed} if the service refuses.
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
    purpose: "to log in",
  }, requests);
  return { tokens, client: rememberMethod(client, method) };
}

/**
 * Requests new tokens with the refresh token.
 *
 * @throws {Unreachable} if the service gave no definite answer; the login may continue later.
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
      purpose: "to renew the login",
    }, requests);
    const { scope = last?.scope, refresh_token = refreshToken } = tokens;
    const kept = { ...tokens, refresh_token, ...(scope === undefined ? {} : { scope }) };
    return { kind: "tokens", tokens: kept, client: rememberMethod(client, method) };
  } catch (error) {
    if (!(error instanceof LoginFailed)) throw error;
    if (error.code !== undefined && ENDED.has(error.code)) {
      return { kind: "ended", isClientGone: CLIENT_ENDED.has(error.code) };
    }
    // No other answer means that the login has ended.
    const message = `gave an answer that the gateway does not understand: ${error.message}`;
    throw new Unreachable(message, { cause: error });
  }
}

/**
 * Requests tokens for the gateway itself, without a person.
 *
 * @param options `method`: how the client authenticated last, if known.
 * @throws {LoginFailed} if the service refuses.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.4}
 */
export async function fetchOwnTokens(
  { metadata, resource, scope }: LoginService,
  { method, requests }: {
    readonly method: ClientMethod | undefined;
    readonly requests: Requests;
  },
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
      purpose: "to give the gateway a token",
    }, requests);
  } catch (cause) {
    if (!(cause instanceof LoginFailed)) throw cause;
    const message = `${cause.message} Check client_id, client_secret and scopes under ` +
      "`gateway.oauth` of its entry in the servers file.";
    throw new LoginFailed(message, { cause, canRetry: false });
  }
}

async function requestTokens(request: TokenRequest, requests: Requests): Promise<GrantedTokens> {
  const { endpoint, form, client, supported, purpose } = request;
  const { config } = requests;
  // The lifetime is counted from the request: a slow answer was written long before it arrives.
  const askedAt = Date.now();
  const sent = await postAsClient(endpoint, { form, client, supported, requests });
  const { answer, method } = sent;
  const { body } = answer;
  // Before anything of the response can be quoted.
  const secrets = [body?.access_token, body?.refresh_token, body?.id_token];
  addSecret(config, ...secrets.filter((value) => typeof value === "string"));
  const isRefused = body?.access_token === undefined && errorCodeOf(answer) !== undefined;
  if (!isOk(answer) || body === undefined || isRefused) {
    throw refusalOfClient(sent, purpose, requests);
  }
  const complaint = `its login service sent an unusable answer when asked ${purpose}`;
  const members = readMembers(answer, { required: ["access_token"], complaint, config });
  return { tokens: keepTokens(members, askedAt, requests), method };
}

function refusalOfClient(
  { answer, tried }: ClientAnswer,
  purpose: string,
  { config }: Requests,
): Error {
  const methods = tried.length > 1 ? ` (as ${tried.join(" and as ")})` : "";
  return refusalOf(answer, { purpose: `${purpose}${methods}`, config });
}

/** Stores the method that worked, so that it is tried first next time. */
function rememberMethod(client: StoredClient, method: ClientMethod): StoredClient {
  return method === "none" ? client : { ...client, token_endpoint_auth_method: method };
}

/** Reads the tokens of a response; throws if the gateway cannot use them. */
function keepTokens(
  members: MembersWith<"access_token">,
  obtained_at: number,
  { config }: Requests,
): StoredTokens {
  const { access_token, refresh_token, scope, expires_in, token_type = "Bearer" } = members;
  if (token_type.toLowerCase() !== "bearer") {
    const kind = quoteServer(token_type, config);
    const message =
      `its login service issued a token of the kind ${kind}, but the gateway supports ` +
      "bearer tokens only.";
    throw new LoginFailed(message, { canRetry: false });
  }
  if (!isToken(access_token)) {
    const message =
      "its login service issued a token that cannot be sent, because it contains characters that " +
      "are not allowed in a token.";
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
 * Revokes a login at its service.
 *
 * @returns Whether the service supports this.
 * @throws {Unreachable | LoginFailed} if it does, and revoking failed.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009}
 */
export async function revoke(login: StoredLogin, requests: Requests): Promise<boolean> {
  const { endpoints: { revocation, auth_methods: supported }, tokens } = login;
  if (revocation === undefined || tokens === undefined) return false;
  let client: OAuthClient = clientOf(login.client, requests.config);
  // The refresh token first: revoking it ends the whole login.
  for (const hint of ["refresh_token", "access_token"] as const) {
    const token = tokens[hint];
    if (token === undefined) continue;
    const form = { token, token_type_hint: hint };
    const sent = await postAsClient(revocation, { form, client, supported, requests });
    // Some services cannot revoke access tokens, which expire anyway.
    const isUnsupported = hint === "access_token" &&
      errorCodeOf(sent.answer) === "unsupported_token_type";
    if (!isOk(sent.answer) && !isUnsupported) {
      throw refusalOfClient(sent, "to revoke the login", requests);
    }
    client = { ...client, token_endpoint_auth_method: sent.method };
  }
  return true;
}
