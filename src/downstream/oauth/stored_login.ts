import type { ServerConfig } from "../../config/mod.ts";
import { isRecord } from "../../json.ts";

/** A token is renewed when only this share of its lifetime remains. */
const RENEWAL_LIFETIME_SHARE = 0.1;

/** A token is not renewed earlier than this before its expiry, in milliseconds. */
const MAX_RENEWAL_LEAD_MS = 60_000;

/** The OAuth client of a login. */
export interface StoredClient {
  readonly client_id: string;
  /** The secret that registration returned; a configured secret is never stored. */
  readonly client_secret?: string;
  /** Expiry of the secret, in seconds since 1970; 0 for never. */
  readonly client_secret_expires_at?: number;
  /** The authentication method that worked last, otherwise the one that registration returned. */
  readonly token_endpoint_auth_method?: string;
  readonly redirect_uri: string;
  /** Whether the gateway registered the client, or the configuration names it. */
  readonly kind: "registered" | "configured";
}

/** Tokens and their lifetime. */
export interface StoredTokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  /** The granted scope, if the response named it. */
  readonly scope?: string;
  /** Time of the request for the tokens, in milliseconds since 1970. */
  readonly obtained_at: number;
  /** Expiry of the access token, in milliseconds since 1970. */
  readonly expires_at?: number;
}

/** A login at one server with one issuer, as it is stored. */
export interface StoredLogin {
  /** The server's address, as configured. */
  readonly url: string;
  /** The issuer of the tokens. Tokens are sent only to the issuer and to the server. */
  readonly issuer: string;
  readonly endpoints: {
    readonly authorization: string;
    /** The endpoint that issues and renews tokens. */
    readonly token: string;
    readonly revocation?: string;
    /** Client authentication methods of the token endpoint. */
    readonly auth_methods?: readonly string[];
  };
  /** The identifier of the server as a resource (RFC 8707); the tokens are for this resource. */
  readonly resource?: string;
  /** The scope that was last requested. */
  readonly requested_scope?: string;
  readonly client: StoredClient;
  /** Absent if the login has ended and only its client is left. */
  readonly tokens?: StoredTokens;
}

/** Parses a stored login; `undefined` if the file is damaged. */
export function parseStoredLogin(text: string): StoredLogin | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isStoredLogin(value) ? value : undefined;
}

function isStoredLogin(value: unknown): value is StoredLogin {
  if (!isRecord(value)) return false;
  const { url, issuer, endpoints, client, tokens } = value;
  return typeof url === "string" && typeof issuer === "string" &&
    isRecord(endpoints) && hasStrings(endpoints, ["authorization", "token"], ["revocation"]) &&
    isRecord(client) &&
    hasStrings(client, ["client_id", "redirect_uri", "kind"], ["client_secret"]) &&
    hasStrings(value, [], ["resource", "requested_scope"]) &&
    (tokens === undefined || isStoredTokens(tokens));
}

function isStoredTokens(value: unknown): boolean {
  return isRecord(value) && hasStrings(value, ["access_token"], ["refresh_token", "scope"]) &&
    isAccessToken(String(value.access_token)) &&
    typeof value.obtained_at === "number" &&
    ["number", "undefined"].includes(typeof value.expires_at);
}

function hasStrings(
  value: Readonly<Record<string, unknown>>,
  requiredKeys: readonly string[],
  optionalKeys: readonly string[],
): boolean {
  return requiredKeys.every((key) => typeof value[key] === "string") &&
    optionalKeys.every((key) => ["string", "undefined"].includes(typeof value[key]));
}

/** Whether a login was made with the issuer and the client that the server's entry requires. */
export function matchesEntry(
  { issuer, client }: Pick<StoredLogin, "issuer" | "client">,
  { options }: ServerConfig,
): boolean {
  const { clientId: id, issuer: requiredIssuer = issuer } = options.oauth ?? {};
  if (!isSameIssuer(issuer, requiredIssuer)) return false;
  return client.kind === "configured" ? client.client_id === id : !isRegisteredByHand(id);
}

/**
 * Whether two issuer identifiers are equal except for a trailing slash. The metadata of such issuers is
 * at the same URL.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8414#section-3.1}
 */
export function isSameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, "") === other.replace(/\/$/, "");
}

/**
 * Whether a configured client id is the id of a client that was registered by hand. Such a client
 * must be used; a client metadata document is used only if the authorization server supports it.
 */
export function isRegisteredByHand(id: string | undefined): boolean {
  return id !== undefined && !isMetadataDocumentId(id);
}

/**
 * Whether a client id is the address of a client metadata document.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#client-id-metadata-documents}
 */
export function isMetadataDocumentId(id: string): boolean {
  const url = URL.parse(id);
  return url?.protocol === "https:" && url.pathname !== "/";
}

/**
 * Whether a text can be sent as an access token. Any other text is not a valid header value, and
 * the error message of `fetch` would contain it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#appendix-A.12}
 */
export function isAccessToken(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

/** Whether a token should be renewed before it is used again. */
export function isRenewalDue({ obtained_at, expires_at }: StoredTokens, now: number): boolean {
  if (expires_at === undefined) return false;
  return expires_at - now <=
    Math.min(MAX_RENEWAL_LEAD_MS, (expires_at - obtained_at) * RENEWAL_LIFETIME_SHARE);
}

/** Creates the value of the `Authorization` header. */
export function createAuthorizationHeader(login: StoredLogin | undefined): string | undefined {
  return login?.tokens === undefined ? undefined : `Bearer ${login.tokens.access_token}`;
}

/**
 * Creates the client for a request, with the secret from the stored login or the server's entry. The
 * entry's secret is used only for the entry's client, at its issuer.
 */
export function createOAuthClient(
  login: Pick<StoredLogin, "issuer" | "client">,
  config: ServerConfig,
): Pick<StoredClient, "client_id" | "client_secret" | "token_endpoint_auth_method"> {
  const { kind, client_id, client_secret, token_endpoint_auth_method: method } = login.client;
  const entrySecret = matchesEntry(login, config) ? config.options.oauth?.clientSecret : undefined;
  const secret = kind === "configured" ? entrySecret : client_secret;
  return {
    client_id,
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
  };
}
