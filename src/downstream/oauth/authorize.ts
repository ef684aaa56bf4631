import { addressOf, type ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import type { RecoverOptions, ServerAuth } from "../authorization.ts";
import type { PendingOperations } from "../pending_operations.ts";
import { StaticHeaderAuth } from "./static_header_auth.ts";
import { explainLogin } from "./failures.ts";

/** Maximum time that a call waits for a person, in milliseconds. */
const WAIT_MS = 10_000;

/** Maximum share of the connect timeout that this wait may use. */
const WAIT_SHARE = 0.8;

/** Maximum duration of a login, in milliseconds. */
const LOGIN_MS = 300_000;

/** Options for the authorization of a server. */
export interface AuthorizeOptions {
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
 * Makes the authorization of a server. Nothing is loaded, read or sent before its first request.
 *
 * @returns `undefined` for a server that is not remote.
 */
export function authorize(
  config: ServerConfig,
  options: AuthorizeOptions,
): ServerAuth | undefined {
  const connect = addressOf(config.connect);
  if (connect === undefined) return undefined;
  if (hasOwnHeader(connect.headers)) return new StaticHeaderAuth(config.name);
  return new LazyOAuth(config, connect.url, options);
}

/** Whether the configured headers contain `Authorization`. */
export function hasOwnHeader(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
}

/** OAuth, loaded by the first request. */
class LazyOAuth implements ServerAuth {
  readonly #server: string;
  readonly #make: () => Promise<ServerAuth>;
  #made: Promise<ServerAuth> | undefined;
  #isClosed = false;

  constructor(config: ServerConfig, url: string, options: AuthorizeOptions) {
    const { pending, isInteractive, log, folder, waitMs = WAIT_MS, loginMs = LOGIN_MS } = options;
    this.#server = config.name;
    this.#make = async () => {
      const { OAuth, oauthFolder, openBrowser, TokenStore } = await import("./lazy.ts");
      const store = new TokenStore(folder ?? oauthFolder(Deno.env), log);
      const maxWaitMs = config.options.connectTimeoutMs * WAIT_SHARE;
      const settings = { config, url, store, isInteractive, pending, loginMs, log };
      return new OAuth({
        ...settings,
        waitMs: Math.min(waitMs, maxWaitMs),
        openBrowser: options.openBrowser ?? openBrowser,
      });
    };
  }

  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    return await (await this.#get()).headers(signal);
  }

  async recover(refusal: Response, options: RecoverOptions): Promise<void> {
    await (await this.#get()).recover(refusal, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#made)?.close();
  }

  async #get(): Promise<ServerAuth> {
    try {
      const made = await (this.#made ??= this.#make());
      if (this.#isClosed) await made.close();
      return made;
    } catch (error) {
      throw explainLogin(error, this.#server);
    }
  }
}
