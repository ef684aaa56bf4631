import { getHttpConfig, type HttpConfig, type ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { hasAuthorizationHeader } from "./server_auth.ts";

/** Options of the functions that manage logins for the command line. */
export interface AccountOptions {
  /** Receives warnings. */
  readonly log: Log;
  /** Folder of the stored logins; default: in the user's configuration folder. */
  readonly folder?: string;
  /** Cancels the operation; its reason is thrown. */
  readonly signal: AbortSignal;
}

/** Result of a login. */
export type LoginOutcome =
  | {
    readonly kind: "not-needed";
    /** The reason, as a clause after "needs no login:". */
    readonly reason: string;
  }
  | {
    readonly kind: "done";
    /** The authorization server that issued the tokens. */
    readonly issuer: string;
  };

/** Result of a logout. */
export interface LogoutOutcome {
  /** Whether a login was stored. */
  readonly wasLoggedIn: boolean;
  /** Whether the tokens were revoked; not every authorization server supports it. */
  readonly revoked: "yes" | "unsupported" | "failed";
  /** Why the revocation failed. */
  readonly reason?: string;
}

/** State of a stored login, found without a request to the server. */
export interface LoginState {
  /**
   * `local`: the server is not remote. `header`: its entry has an `Authorization` header. `client`:
   * its entry has a client id and secret, so the gateway logs in without a person. `expired`: the
   * access token has expired or will soon; the gateway renews it automatically if `isRenewable` is true.
   */
  readonly state: "local" | "header" | "client" | "logged-in" | "expired" | "logged-out";
  /** The authorization server that issued the tokens. */
  readonly issuer?: string;
  /** The granted scope. */
  readonly scope?: string;
  /** Expiry of the access token, in milliseconds since 1970. */
  readonly expiresAt?: number;
  /** Whether the token can be renewed without a person. */
  readonly isRenewable?: boolean;
}

/**
 * Logs a person in to a server.
 *
 * @param options `show` receives the link just before it is opened in the browser.
 * @throws {DownstreamError} if the login failed.
 */
export async function logIn(
  config: ServerConfig,
  options: AccountOptions & { readonly show: (url: string) => void },
): Promise<LoginOutcome> {
  const connectionOrReason = findLoginConnection(config);
  if (typeof connectionOrReason === "string") {
    return { kind: "not-needed", reason: connectionOrReason };
  }
  const { logInAtTerminal } = await import("./log_in.ts");
  return await logInAtTerminal(config, { ...options, connection: connectionOrReason });
}

/**
 * Logs out of a server: revokes the tokens if the authorization server supports it, and removes
 * them.
 */
export async function logOut(
  config: ServerConfig,
  options: AccountOptions,
): Promise<LogoutOutcome> {
  const connection = getHttpConfig(config.connection);
  if (connection === undefined) return { wasLoggedIn: false, revoked: "unsupported" };
  const { revokeAndRemoveLogins } = await import("./log_out.ts");
  return await revokeAndRemoveLogins(config, { ...options, url: connection.url });
}

/** Reads the state of the login at a server from the stored logins. */
export async function readLoginState(
  config: ServerConfig,
  { log, folder }: Pick<AccountOptions, "log" | "folder">,
): Promise<LoginState> {
  const connection = getHttpConfig(config.connection);
  if (connection === undefined) return { state: "local" };
  if (hasAuthorizationHeader(connection.headers)) return { state: "header" };
  if (config.options.oauth?.grant === "client_credentials") return { state: "client" };
  const { matchesEntry, isRenewalDue, getOAuthFolder, TokenStore } = await import("./lazy.ts");
  const store = new TokenStore(folder ?? getOAuthFolder(Deno.env), log);
  const { logins } = await store.read(connection.url);
  const login = logins.find((login) => matchesEntry(login, config));
  if (login?.tokens === undefined) return { state: "logged-out" };
  const { tokens, issuer } = login;
  const { scope, expires_at, refresh_token } = tokens;
  return {
    state: isRenewalDue(tokens, Date.now()) ? "expired" : "logged-in",
    issuer,
    ...(scope === undefined ? {} : { scope }),
    ...(expires_at === undefined ? {} : { expiresAt: expires_at }),
    isRenewable: refresh_token !== undefined,
  };
}

/** Returns the connection to log in to, or the reason that no login is needed. */
function findLoginConnection(config: ServerConfig): HttpConfig | string {
  const connection = getHttpConfig(config.connection);
  if (connection === undefined) return "it is a program on this machine";
  if (hasAuthorizationHeader(connection.headers)) return "its entry has an Authorization header";
  if (config.options.oauth?.grant === "client_credentials") {
    return "the gateway logs in automatically, with the client_id and client_secret of its entry";
  }
  return connection;
}
