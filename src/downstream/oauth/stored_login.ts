import type { ServerConfig } from "../../config/mod.ts";
import { isRecord } from "../handshake.ts";

/** A token is renewed when this part of its life is left. */
const RENEW_SHARE = 0.1;

/** But not earlier than this, in milliseconds. */
const RENEW_MS = 60_000;

/** The client that a login was made with. */
export interface StoredClient {
  /** Its id at the authorization server. */
  readonly client_id: string;
  /** Its secret, where registration gave one; never one of the configuration. */
  readonly client_secret?: string;
  /** When that ends, in seconds since 1970; 0 for never. */
  readonly client_secret_expires_at?: number;
  /** How it authenticates: what worked last, else what its registration said. */
  readonly token_endpoint_auth_method?: string;
  /** The redirect that it is known with. */
  readonly redirect_uri: string;
  /** Registered by the gateway, or named in the configuration. */
  readonly kind: "registered" | "configured";
}

/** Tokens, and until when they hold. */
export interface StoredTokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  /** The scope that was granted, where the server said so. */
  readonly scope?: string;
  /** When they were asked for, in milliseconds since 1970. */
  readonly obtained_at: number;
  /** When the access token ends, in milliseconds since 1970. */
  readonly expires_at?: number;
}

/** What is kept of a login at one server by way of one issuer. */
export interface StoredLogin {
  /** The server's address, as configured. */
  readonly url: string;
  /** Who gave the tokens; they are sent to nobody else but the server. */
  readonly issuer: string;
  /** Where they are renewed and revoked. */
  readonly endpoints: {
    readonly authorization: string;
    readonly token: string;
    readonly revocation?: string;
    /** How clients may authenticate there. */
    readonly auth_methods?: readonly string[];
  };
  /** The resource that they are for, as the server names itself. */
  readonly resource?: string;
  /** The scope that was last asked for. */
  readonly requested_scope?: string;
  /** The client. */
  readonly client: StoredClient;
  /** The tokens; absent where they were lost and only the client is left. */
  readonly tokens?: StoredTokens;
}

/**
 * Reads what was written.
 *
 * @param text The file.
 * @returns `undefined` where it is damaged.
 */
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

/** Whether a login was made with the client that the entry of the server asks for. */
export function fitsEntry({ client }: StoredLogin, { options }: ServerConfig): boolean {
  const id = options.oauth?.clientId;
  return client.kind === "configured" ? client.client_id === id : !isOwnClient(id);
}

/** Whether a client id of the configuration has to be used, rather than may be. */
export function isOwnClient(id: string | undefined): boolean {
  return id !== undefined && !isDocumentId(id);
}

/**
 * Whether a client id is the address of the client's own description.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#client-id-metadata-documents}
 */
export function isDocumentId(id: string): boolean {
  const url = URL.parse(id);
  return url?.protocol === "https:" && url.pathname !== "/";
}

/**
 * Whether a text can be an access token. Anything else could not be put into a header, and what is
 * said about that would hold it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749#appendix-A.12}
 */
export function isToken(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

/** Whether a token is to be renewed before it is used again. */
export function isDue({ obtained_at, expires_at }: StoredTokens, now: number): boolean {
  if (expires_at === undefined) return false;
  return expires_at - now <= Math.min(RENEW_MS, (expires_at - obtained_at) * RENEW_SHARE);
}

/** What a request bears. */
export function bearerOf(login: StoredLogin | undefined): string | undefined {
  return login?.tokens === undefined ? undefined : `Bearer ${login.tokens.access_token}`;
}

/** The client's id and secret, wherever the secret is kept. */
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
