import type { ServerConfig } from "../../config/mod.ts";
import { isRecord } from "../../json.ts";

/** A token is renewed when this share of its lifetime is left. */
const RENEW_SHARE = 0.1;

/** But no earlier than this before its expiry, in milliseconds. */
const RENEW_MS = 60_000;

/** The client that a login was made with. */
export interface StoredClient {
  readonly client_id: string;
  /** The secret that registration returned; a configured secret is never stored. */
  readonly client_secret?: string;
  /** Expiry of the secret, in seconds since 1970; 0 for never. */
  readonly client_secret_expires_at?: number;
  /** The method that worked last, otherwise the one that registration returned. */
  readonly token_endpoint_auth_method?: string;
  readonly redirect_uri: string;
  /** Whether the gateway registered the client, or the configuration names it. */
  readonly kind: "registered" | "configured";
}

/** Tokens and their lifetime. */
export interface StoredTokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  /** The granted scope, if the service named it. */
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
  /** The issuer of the tokens. They are sent only to it and to the server. */
  readonly issuer: string;
  readonly endpoints: {
    readonly authorization: string;
    /** Renews the tokens. */
    readonly token: string;
    readonly revocation?: string;
    /** Client authentication methods of the token endpoint. */
    readonly auth_methods?: readonly string[];
  };
  /** The resource that the tokens are for, as the server names itself. */
  readonly resource?: string;
  /** The scope that was last requested. */
  readonly requested_scope?: string;
  readonly client: StoredClient;
  /** Absent if the login has ended and only its client is left. */
  readonly tokens?: StoredTokens;
}

/** Parses a stored login; `undefined` if the file is damaged. */
export function parseLogin(text: string): StoredLogin | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isLogin(value) ? value : undefined;
}

function isLogin(value: unknown): value is StoredLogin {
  if (!isRecord(value)) return false;
  const { url, issuer, endpoints, client, tokens } = value;
  return typeof url === "string" && typeof issuer === "string" &&
    isRecord(endpoints) && hasTexts(endpoints, ["authorization", "token"], ["revocation"]) &&
    isRecord(client) &&
    hasTexts(client, ["client_id", "redirect_uri", "kind"], ["client_secret"]) &&
    hasTexts(value, [], ["resource", "requested_scope"]) &&
    (tokens === undefined || isTokens(tokens));
}

function isTokens(value: unknown): boolean {
  return isRecord(value) && hasTexts(value, ["access_token"], ["refresh_token", "scope"]) &&
    isToken(String(value.access_token)) &&
    typeof value.obtained_at === "number" &&
    ["number", "undefined"].includes(typeof value.expires_at);
}

function hasTexts(
  value: Readonly<Record<string, unknown>>,
  needed: readonly string[],
  optional: readonly string[],
): boolean {
  return needed.every((key) => typeof value[key] === "string") &&
    optional.every((key) => ["string", "undefined"].includes(typeof value[key]));
}

/** Whether a login was made with the client that the server's entry configures. */
export function fitsEntry({ client }: StoredLogin, { options }: ServerConfig): boolean {
  const id = options.oauth?.clientId;
  return client.kind === "configured" ? client.client_id === id : !isOwnClient(id);
}

/**
 * Whether a configured client id must be used; the address of a client metadata document may be.
 */
export function isOwnClient(id: string | undefined): boolean {
  return id !== undefined && !isDocumentId(id);
}

/**
 * Whether a client id is the address of a client metadata document.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#client-id-metadata-documents}
 */
export function isDocumentId(id: string): boolean {
  const url = URL.parse(id);
  return url?.protocol === "https:" && url.pathname !== "/";
}

/**
 * Whether a text can be an access token. Any other text cannot be put into a header, and the error
 * message about that would contain it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#appendix-A.12}
 */
export function isToken(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

/** Whether a token should be renewed before it is used again. */
export function isDue({ obtained_at, expires_at }: StoredTokens, now: number): boolean {
  if (expires_at === undefined) return false;
  return expires_at - now <= Math.min(RENEW_MS, (expires_at - obtained_at) * RENEW_SHARE);
}

/** The value of the `Authorization` header. */
export function bearerOf(login: StoredLogin | undefined): string | undefined {
  return login?.tokens === undefined ? undefined : `Bearer ${login.tokens.access_token}`;
}

/** The client's id and secret, from the stored login or the configuration. */
export function clientOf(
  client: StoredClient,
  { options }: ServerConfig,
): Pick<StoredClient, "client_id" | "client_secret" | "token_endpoint_auth_method"> {
  const { client_id, client_secret, token_endpoint_auth_method: method } = client;
  const secret = client.kind === "configured" ? options.oauth?.clientSecret : client_secret;
  return {
    client_id,
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
  };
}
