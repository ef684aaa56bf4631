import { quoteServerText } from "../secrets.ts";
import {
  createRefusalError,
  errorCodeOf,
  isOk,
  type MembersWith,
  readMembers,
} from "./oauth_response.ts";
import {
  type ClientAuthenticationMethod,
  type ClientResponse,
  type OAuthClient,
  postAsClient,
} from "./client_authentication.ts";
import type { AuthorizationServer } from "./discovery.ts";
import { LoginFailure, UnreachableError } from "./login_failure.ts";
import { addDefinedSecrets, type OAuthContext } from "./sdk.ts";
import {
  createOAuthClient,
  isAccessToken,
  type StoredClient,
  type StoredLogin,
  type StoredTokens,
} from "./stored_login.ts";

/** Error codes after which a refresh token will never be accepted again. */
const FINAL_ERRORS: ReadonlySet<string> = new Set([
  "invalid_grant",
  "invalid_client",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "invalid_target",
]);

/** The codes among `FINAL_ERRORS` that reject the client. */
const CLIENT_ERRORS: ReadonlySet<string> = new Set(["invalid_client", "unauthorized_client"]);

/** Issued tokens, and the method with which the client authenticated. */
export interface GrantedTokens {
  readonly tokens: StoredTokens;
  readonly method: ClientAuthenticationMethod;
}

/** Result of a renewal. */
export type Renewal =
  | { readonly kind: "tokens"; readonly tokens: StoredTokens; readonly client: StoredClient }
  | {
    /** The refresh token is not accepted any longer. */
    readonly kind: "ended";
    /** Whether the client was rejected, too. */
    readonly isClientRejected: boolean;
  };

/** A request for tokens. */
interface TokenRequest {
  readonly endpoint: string;
  readonly client: OAuthClient;
  /** The authentication methods in the metadata of the authorization server. */
  readonly listedMethods: readonly string[] | undefined;
  /** The grant and its parameters. */
  readonly form: Readonly<Record<string, string>>;
  /** The purpose of the request, such as "to log in". */
  readonly purpose: string;
}

/**
 * Exchanges an authorization code for tokens.
 *
 * @returns The tokens, and the client with the authentication method that worked.
 * @throws {LoginFailure} if the authorization server refuses.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3}
 */
export async function exchangeCode(
  { code, codeVerifier }: { readonly code: string; readonly codeVerifier: string },
  { authorizationServer, client, context }: {
    readonly authorizationServer: AuthorizationServer;
    readonly client: StoredClient;
    readonly context: OAuthContext;
  },
): Promise<{ readonly tokens: StoredTokens; readonly client: StoredClient }> {
  const { metadata, resource } = authorizationServer;
  const { tokens, method } = await requestTokens({
    endpoint: metadata.token_endpoint,
    client: createOAuthClient({ issuer: metadata.issuer, client }, context.config),
    listedMethods: metadata.token_endpoint_auth_methods_supported,
    form: {
      grant_type: "authorization_code",
      code,
      code_verifier: codeVerifier,
      redirect_uri: client.redirect_uri,
      ...(resource === undefined ? {} : { resource }),
    },
    purpose: "to log in",
  }, context);
  return { tokens, client: addMethod(client, method) };
}

/**
 * Requests new tokens with the refresh token.
 *
 * @throws {UnreachableError} if the authorization server gave no definite answer; a later attempt
 * may succeed.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-6}
 */
export async function refreshTokens(login: StoredLogin, context: OAuthContext): Promise<Renewal> {
  const { endpoints, client, resource, tokens: oldTokens } = login;
  const refreshToken = oldTokens?.refresh_token;
  if (refreshToken === undefined) return { kind: "ended", isClientRejected: false };
  try {
    const { tokens, method } = await requestTokens({
      endpoint: endpoints.token,
      client: createOAuthClient(login, context.config),
      listedMethods: endpoints.auth_methods,
      form: {
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        ...(resource === undefined ? {} : { resource }),
      },
      purpose: "to renew the login",
    }, context);
    const { scope = oldTokens?.scope, refresh_token = refreshToken } = tokens;
    const newTokens = { ...tokens, refresh_token, ...(scope === undefined ? {} : { scope }) };
    return { kind: "tokens", tokens: newTokens, client: addMethod(client, method) };
  } catch (error) {
    if (!(error instanceof LoginFailure)) throw error;
    if (error.code !== undefined && FINAL_ERRORS.has(error.code)) {
      return { kind: "ended", isClientRejected: CLIENT_ERRORS.has(error.code) };
    }
    // After any other error, the refresh token may still be valid.
    const message = `gave an answer that the gateway does not understand: ${error.message}`;
    throw new UnreachableError(message, { cause: error });
  }
}

/**
 * Requests tokens with the client credentials grant, which needs no person.
 *
 * @param options `method`: the authentication method that worked last, if known.
 * @throws {LoginFailure} if the authorization server refuses.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.4}
 */
export async function requestClientTokens(
  { metadata, resource, scope }: AuthorizationServer,
  { method, context }: {
    readonly method: ClientAuthenticationMethod | undefined;
    readonly context: OAuthContext;
  },
): Promise<GrantedTokens> {
  const { clientId = "", clientSecret = "" } = context.config.options.oauth ?? {};
  try {
    return await requestTokens({
      endpoint: metadata.token_endpoint,
      client: {
        client_id: clientId,
        client_secret: clientSecret,
        ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
      },
      listedMethods: metadata.token_endpoint_auth_methods_supported,
      form: {
        grant_type: "client_credentials",
        ...(scope === undefined ? {} : { scope }),
        ...(resource === undefined ? {} : { resource }),
      },
      purpose: "to give the gateway a token",
    }, context);
  } catch (cause) {
    if (!(cause instanceof LoginFailure)) throw cause;
    const message = `${cause.message} Check client_id, client_secret and scopes under ` +
      "`gateway.oauth` of its entry in the servers file.";
    throw new LoginFailure(message, { cause, canRetry: false });
  }
}

async function requestTokens(
  request: TokenRequest,
  context: OAuthContext,
): Promise<GrantedTokens> {
  const { endpoint, form, client, listedMethods, purpose } = request;
  const { config } = context;
  // The lifetime counts from the request, because the response may arrive long after it was
  // written.
  const requestedAt = Date.now();
  const clientResponse = await postAsClient(endpoint, { form, client, listedMethods, context });
  const { response, method } = clientResponse;
  const { body } = response;
  // Add the secrets before a message can quote the response.
  const secrets = [body?.access_token, body?.refresh_token, body?.id_token];
  addDefinedSecrets(config, ...secrets.filter((value) => typeof value === "string"));
  const isRefused = body?.access_token === undefined && errorCodeOf(response) !== undefined;
  if (!isOk(response) || body === undefined || isRefused) {
    throw createClientRefusalError(clientResponse, purpose, context);
  }
  const errorPrefix = `its authorization server sent an unusable response when asked ${purpose}`;
  const members = readMembers(response, { required: ["access_token"], errorPrefix, config });
  return { tokens: readTokens(members, requestedAt, context), method };
}

function createClientRefusalError(
  { response, triedMethods }: ClientResponse,
  purpose: string,
  { config }: OAuthContext,
): Error {
  const methods = triedMethods.length > 1 ? ` (as ${triedMethods.join(" and as ")})` : "";
  return createRefusalError(response, { purpose: `${purpose}${methods}`, config });
}

/** Adds the authentication method that worked, so that it is tried first next time. */
function addMethod(client: StoredClient, method: ClientAuthenticationMethod): StoredClient {
  return method === "none" ? client : { ...client, token_endpoint_auth_method: method };
}

/** Reads the tokens of a response; throws if the gateway cannot use them. */
function readTokens(
  members: MembersWith<"access_token">,
  requestedAt: number,
  { config }: OAuthContext,
): StoredTokens {
  const { access_token, refresh_token, scope, expires_in, token_type = "Bearer" } = members;
  if (token_type.toLowerCase() !== "bearer") {
    const quotedType = quoteServerText(token_type, config);
    const message =
      `its authorization server issued a token of the type ${quotedType}, but the gateway ` +
      "supports bearer tokens only.";
    throw new LoginFailure(message, { canRetry: false });
  }
  if (!isAccessToken(access_token)) {
    const message =
      "its authorization server issued a token that cannot be sent, because it contains characters " +
      "that are not allowed in a token.";
    throw new LoginFailure(message, { canRetry: false });
  }
  return {
    access_token,
    ...(refresh_token === undefined ? {} : { refresh_token }),
    ...(scope === undefined ? {} : { scope }),
    obtained_at: requestedAt,
    ...(expires_in === undefined ? {} : { expires_at: requestedAt + expires_in * 1000 }),
  };
}

/**
 * Revokes the tokens of a login.
 *
 * @returns Whether the authorization server supports revocation.
 * @throws {UnreachableError | LoginFailure} if the authorization server supports revocation, but the revocation
 * failed.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7009}
 */
export async function revokeLogin(login: StoredLogin, context: OAuthContext): Promise<boolean> {
  const { endpoints: { revocation, auth_methods: listedMethods }, tokens } = login;
  if (revocation === undefined || tokens === undefined) return false;
  let client: OAuthClient = createOAuthClient(login, context.config);
  // The refresh token is first, because its revocation ends the whole login.
  for (const hint of ["refresh_token", "access_token"] as const) {
    const token = tokens[hint];
    if (token === undefined) continue;
    const form = { token, token_type_hint: hint };
    const clientResponse = await postAsClient(revocation, { form, client, listedMethods, context });
    // Some authorization servers cannot revoke access tokens, which expire soon.
    const isUnsupported = hint === "access_token" &&
      errorCodeOf(clientResponse.response) === "unsupported_token_type";
    if (!isOk(clientResponse.response) && !isUnsupported) {
      throw createClientRefusalError(clientResponse, "to revoke the login", context);
    }
    client = { ...client, token_endpoint_auth_method: clientResponse.method };
  }
  return true;
}
