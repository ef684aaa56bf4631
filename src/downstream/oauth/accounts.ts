import type { ConnectHttp, ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { hasOwnHeader } from "./authorize.ts";

/** What the commands about logins work with. */
export interface AccountOptions {
  /** Takes what the user should know besides the outcome. */
  readonly log: Log;
  /** Where logins are kept; default: in the user's configuration folder. */
  readonly folder?: string;
  /** Gives up; its reason is thrown. */
  readonly signal: AbortSignal;
}

/** How a login went. */
export type LoginOutcome =
  | {
    readonly kind: "not-needed";
    /** Why, as the end of a sentence about the server. */
    readonly why: string;
  }
  | {
    readonly kind: "done";
    /** Who gave the tokens. */
    readonly issuer: string;
  };

/** How a logout went. */
export interface LogoutOutcome {
  /** Whether there was a login at all. */
  readonly wasLoggedIn: boolean;
  /** Whether the login was taken back at its service, which not all can do. */
  readonly revoked: "yes" | "unsupported" | "failed";
  /** Why that failed. */
  readonly reason?: string;
}

/** How a login stands, as far as is known here; the server is not asked. */
export interface LoginState {
  /**
   * `header` and `client` need no person: the entry has an `Authorization` header, or its own client
   * id and secret. `local` is a process of ours. `expired` tokens are renewed by themselves where
   * `isRenewable`.
   */
  readonly state: "local" | "header" | "client" | "logged-in" | "expired" | "logged-out";
  /** Who gave the tokens. */
  readonly issuer?: string;
  /** The scope that was granted. */
  readonly scope?: string;
  /** When the access token ends, in milliseconds since 1970. */
  readonly expiresAt?: number;
  /** Whether it is renewed without a person. */
  readonly isRenewable?: boolean;
}

/**
 * Logs a person in at a server.
 *
 * @param config The server's entry.
 * @param show Takes the link, just before it is opened in the browser.
 * @param options See there.
 * @throws {DownstreamError} where that did not work.
 */
export async function logIn(
  config: ServerConfig,
  show: (url: string) => void,
  options: AccountOptions,
): Promise<LoginOutcome> {
  const connect = loginPlace(config);
  if (typeof connect === "string") return { kind: "not-needed", why: connect };
  const { logInAt } = await import("./log_in.ts");
  return await logInAt(config, connect, { ...options, show });
}

/**
 * Logs out of a server: takes the login back where its service can do that, and forgets it.
 *
 * @param config The server's entry.
 * @param options See there.
 */
export async function logOut(
  config: ServerConfig,
  options: AccountOptions,
): Promise<LogoutOutcome> {
  const { connect } = config;
  if (connect.kind === "stdio") return { wasLoggedIn: false, revoked: "unsupported" };
  const { logOutOf } = await import("./log_out.ts");
  return await logOutOf(config, connect.url, options);
}

/**
 * How the login at a server stands.
 *
 * @param config The server's entry.
 * @param options See there.
 */
export async function readLoginState(
  config: ServerConfig,
  { log, folder }: Pick<AccountOptions, "log" | "folder">,
): Promise<LoginState> {
  const { connect, options } = config;
  if (connect.kind === "stdio") return { state: "local" };
  if (hasOwnHeader(connect.headers)) return { state: "header" };
  if (options.oauth?.grant === "client_credentials") return { state: "client" };
  const { fitsEntry, isDue, oauthFolder, TokenStore } = await import("./lazy.ts");
  const store = new TokenStore(folder ?? oauthFolder(Deno.env), log);
  const { logins } = await store.read(connect.url);
  const login = logins.find((one) => fitsEntry(one, config));
  if (login?.tokens === undefined) return { state: "logged-out" };
  const { tokens, issuer } = login;
  const { scope, expires_at, refresh_token } = tokens;
  return {
    state: isDue(tokens, Date.now()) ? "expired" : "logged-in",
    issuer,
    ...(scope === undefined ? {} : { scope }),
    ...(expires_at === undefined ? {} : { expiresAt: expires_at }),
    isRenewable: refresh_token !== undefined,
  };
}

/** Where a person logs in, or why nobody has to. */
function loginPlace({ connect, options }: ServerConfig): ConnectHttp | string {
  if (connect.kind === "stdio") return "it is a program on this machine";
  if (hasOwnHeader(connect.headers)) return "its entry has an Authorization header";
  if (options.oauth?.grant === "client_credentials") {
    return "the gateway logs in by itself, with the client_id and client_secret of its entry";
  }
  return connect;
}
