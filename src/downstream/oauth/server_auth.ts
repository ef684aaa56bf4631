import { getHttpConfig, type ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import type { RecoverOptions, ServerAuth } from "../authorization.ts";
import type { PendingOperations } from "../pending_operations.ts";
import { StaticHeaderAuth } from "./static_header_auth.ts";

/** Default of `waitMs`, in milliseconds. */
const DEFAULT_WAIT_MS = 10_000;

/** Maximum share of the connect timeout that a call waits for a login. */
const MAX_WAIT_SHARE = 0.8;

/** Default of `loginMs`, in milliseconds. */
const DEFAULT_LOGIN_MS = 300_000;

/** Options for the authorization of a server. */
export interface ServerAuthOptions {
  /** The operations on the server, one of whose clients is asked to log in. */
  readonly pending: PendingOperations;
  /** Whether callers may be asked to log in; if not, only the operator can log in. */
  readonly isInteractive: boolean;
  /** Receives messages for the operator. */
  readonly log: Log;
  /** Folder of the stored logins; default: in the user's configuration folder. */
  readonly folder?: string;
  /** Maximum time that a call waits for a login, in milliseconds; default 10000. */
  readonly waitMs?: number;
  /** Maximum duration of a login, in milliseconds; default 300000. */
  readonly loginMs?: number;
  /** Opens a link in the user's browser; resolves to whether that worked. */
  readonly openBrowser?: (url: string) => Promise<boolean>;
}

/**
 * Creates the authorization of a server. The authorization loads, reads and sends nothing before the
 * first request.
 *
 * @returns `undefined` for a server that is not remote.
 */
export function createServerAuth(
  config: ServerConfig,
  options: ServerAuthOptions,
): ServerAuth | undefined {
  const connection = getHttpConfig(config.connection);
  if (connection === undefined) return undefined;
  if (hasAuthorizationHeader(connection.headers)) return new StaticHeaderAuth(config.name);
  return new LazyOAuth(config, connection.url, options);
}

/** Whether the configured headers contain `Authorization`. */
export function hasAuthorizationHeader(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
}

/** The authorization of a server by OAuth. The first request loads the code. */
class LazyOAuth implements ServerAuth {
  readonly #server: string;
  readonly #createAuth: () => Promise<ServerAuth>;
  #auth: Promise<ServerAuth> | undefined;
  #isClosed = false;

  constructor(config: ServerConfig, url: string, options: ServerAuthOptions) {
    const {
      pending,
      isInteractive,
      log,
      folder,
      waitMs = DEFAULT_WAIT_MS,
      loginMs = DEFAULT_LOGIN_MS,
    } = options;
    this.#server = config.name;
    this.#createAuth = async () => {
      const { OAuth, getOAuthFolder, openBrowser, TokenStore } = await import("./lazy.ts");
      const store = new TokenStore(folder ?? getOAuthFolder(Deno.env), log);
      const maxWaitMs = config.options.connectTimeoutMs * MAX_WAIT_SHARE;
      const settings = { config, url, store, isInteractive, pending, loginMs, log };
      return new OAuth({
        ...settings,
        waitMs: Math.min(waitMs, maxWaitMs),
        openBrowser: options.openBrowser ?? openBrowser,
      });
    };
  }

  async getHeaders(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const auth = await this.#load();
    return await auth.getHeaders(signal);
  }

  async recover(refusal: Response, options: RecoverOptions): Promise<void> {
    const auth = await this.#load();
    await auth.recover(refusal, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const auth = await this.#auth;
    await auth?.close();
  }

  async #load(): Promise<ServerAuth> {
    try {
      const auth = await (this.#auth ??= this.#createAuth());
      if (this.#isClosed) await auth.close();
      return auth;
    } catch (error) {
      const { toDownstreamError } = await import("./translate_error.ts");
      throw toDownstreamError(error, this.#server);
    }
  }
}
