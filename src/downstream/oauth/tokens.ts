import type { OAuthTokens } from "@modelcontextprotocol/client";
import type { LoginService } from "./discovery.ts";
import { LoginFailed, quoteServer, Unreachable } from "./failures.ts";
import { keepSecret, readFailure, type Requests } from "./sdk.ts";
import {
  clientOf,
  isToken,
  metadataOf,
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

/** What asking for new tokens came to. */
export type Renewal =
  | { readonly kind: "tokens"; readonly tokens: StoredTokens }
  | {
    /** The login is over. */
    readonly kind: "ended";
    /** Whether the client is gone, too. */
    readonly isClientGone: boolean;
  };

/**
 * Asks for new tokens with the refresh token.
 *
 * @param login The login that goes on.
 * @param requests How requests are made.
 * @throws {Unreachable} where nothing was said about the login, and it may go on later.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-6}
 */
export async function refresh(login: StoredLogin, requests: Requests): Promise<Renewal> {
  const { sdk, config, fetchFn } = requests;
  const refreshToken = login.tokens?.refresh_token;
  if (refreshToken === undefined) return { kind: "ended", isClientGone: false };
  try {
    const tokens = await sdk.refreshAuthorization(login.issuer, {
      metadata: metadataOf(login),
      clientInformation: clientOf(login.client, config),
      refreshToken,
      ...(login.resource === undefined ? {} : { resource: login.resource }),
      fetchFn,
    });
    const { scope = login.tokens?.scope } = tokens;
    const kept = scope === undefined ? tokens : { ...tokens, scope };
    return { kind: "tokens", tokens: keepTokens(kept, requests) };
  } catch (error) {
    if (error instanceof sdk.OAuthError && ENDED.has(error.code)) {
      return { kind: "ended", isClientGone: CLIENT_ENDED.has(error.code) };
    }
    const failure = readFailure(error, "to renew the login", requests);
    if (!(failure instanceof LoginFailed)) throw failure;
    // Whatever else it said, it did not say that the login is over.
    throw new Unreachable(`answered in a way that is not understood: ${failure.message}`, {
      cause: error,
    });
  }
}

/**
 * Gets tokens for the gateway itself, without a person.
 *
 * @param service Who gives them.
 * @param requests How requests are made; the entry has id and secret.
 * @throws {LoginFailed} where they are refused.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#section-4.4}
 */
export async function fetchOwnTokens(
  service: LoginService,
  requests: Requests,
): Promise<StoredTokens> {
  const { sdk, config, fetchFn } = requests;
  const { clientId = "", clientSecret = "" } = config.options.oauth ?? {};
  const { issuer, metadata, resource, scope } = service;
  const provider = new sdk.ClientCredentialsProvider({
    clientId,
    clientSecret,
    expectedIssuer: issuer,
  });
  try {
    const tokens = await sdk.fetchToken(provider, issuer, {
      metadata,
      ...(resource === undefined ? {} : { resource }),
      ...(scope === undefined ? {} : { scope }),
      fetchFn,
    });
    return keepTokens(tokens, requests);
  } catch (error) {
    const failure = readFailure(error, "to give the gateway a token", requests);
    if (!(failure instanceof LoginFailed)) throw failure;
    const message = `${failure.message} Check client_id, client_secret and scopes under ` +
      "`gateway.oauth` of its entry in the servers file.";
    throw new LoginFailed(message, { cause: error, canRetry: false });
  }
}

/**
 * Takes tokens from an answer.
 *
 * @param tokens The answer.
 * @param requests What it answers.
 * @throws {LoginFailed} where they are of a kind that the gateway cannot use.
 */
export function keepTokens(tokens: OAuthTokens, { config }: Requests): StoredTokens {
  const { access_token, refresh_token, scope, expires_in, token_type } = tokens;
  keepSecret(config, access_token, refresh_token, tokens.id_token);
  if (token_type.toLowerCase() !== "bearer") {
    const kind = quoteServer(token_type, config);
    const message = `its login service gave a token of the kind ${kind}, and only bearer tokens ` +
      "can be used.";
    throw new LoginFailed(message, { canRetry: false });
  }
  if (!isToken(access_token)) {
    const message = "its login service gave a token that cannot be sent: it is empty, or holds " +
      "characters that no token has.";
    throw new LoginFailed(message, { canRetry: false });
  }
  const obtained_at = Date.now();
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
  const { endpoints: { revocation }, tokens } = login;
  if (revocation === undefined || tokens === undefined) return false;
  // The refresh token first: with it goes the whole login.
  const all = [
    ["refresh_token", tokens.refresh_token],
    ["access_token", tokens.access_token],
  ] as const;
  for (const [hint, token] of all) {
    if (token !== undefined) await revokeOne(revocation, { token, hint, login, requests });
  }
  return true;
}

async function revokeOne(
  address: string,
  { token, hint, login, requests }: {
    readonly token: string;
    readonly hint: string;
    readonly login: StoredLogin;
    readonly requests: Requests;
  },
): Promise<void> {
  const { sdk, config, fetchFn } = requests;
  const client = clientOf(login.client, config);
  const body = new URLSearchParams({ token, token_type_hint: hint });
  const headers = new Headers({ accept: "application/json" });
  const method = sdk.selectClientAuthMethod(client, [...login.endpoints.auth_methods ?? []]);
  if (method === "client_secret_basic" && client.client_secret !== undefined) {
    headers.set("authorization", `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}`);
  } else {
    body.set("client_id", client.client_id);
    if (method === "client_secret_post") body.set("client_secret", client.client_secret ?? "");
  }
  const response = await fetchFn(address, { method: "POST", headers, body });
  if (response.ok) return;
  const error = await sdk.parseErrorResponse(response);
  // Some cannot revoke access tokens, which end by themselves.
  if (hint === "access_token" && error.code === "unsupported_token_type") return;
  throw readFailure(error, "to revoke the login", requests);
}
