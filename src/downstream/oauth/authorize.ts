import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import type { OwnAuthorization, RecoverOptions, Waiting } from "../authorization.ts";
import { ConfiguredHeader } from "./configured_header.ts";
import { explainLogin } from "./failures.ts";

/** The longest that a call waits for a person, in milliseconds. */
const WAIT_MS = 10_000;

/** The share of a connection's time that it may take. */
const WAIT_SHARE = 0.8;

/** How long a person may take, in milliseconds. */
const LOGIN_MS = 300_000;

/** What authorizations of a gateway have in common. */
export interface AuthorizeOptions {
  /** Whether people who call may be asked to log in; if not, only the operator logs in. */
  readonly isInteractive: boolean;
  /** Takes what the operator should know. */
  readonly log: Log;
  /** Where logins are kept; default: in the user's configuration folder. */
  readonly folder?: string;
  /** How long a call waits for a login, in milliseconds; default 10000. */
  readonly waitMs?: number;
  /** How long a login may take, in milliseconds; default 300000. */
  readonly loginMs?: number;
  /** Opens a link in the user's browser, and says whether that worked; default: with a program. */
  readonly openBrowser?: (url: string) => Promise<boolean>;
}

/**
 * Makes the authorization of a server. Nothing is loaded, read or sent until its first request.
 *
 * @param config Its entry.
 * @param waiting The call that waits for the server, if there is one; best one whose client can show
 * links.
 * @param options See there.
 * @returns `undefined` for a server that is a process of ours.
 */
export function authorize(
  config: ServerConfig,
  waiting: () => Waiting | undefined,
  options: AuthorizeOptions,
): OwnAuthorization | undefined {
  const { connect, name } = config;
  if (connect.kind === "stdio") return undefined;
  if (hasOwnHeader(connect.headers)) return new ConfiguredHeader(name);
  return new LateOAuth(config, connect.url, waiting, options);
}

/** Whether the entry of a server brings an authorization of its own. */
export function hasOwnHeader(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
}

/** OAuth, loaded when the first request is made. */
class LateOAuth implements OwnAuthorization {
  readonly #server: string;
  readonly #make: () => Promise<OwnAuthorization>;
  #made: Promise<OwnAuthorization> | undefined;
  #isClosed = false;

  constructor(
    config: ServerConfig,
    url: string,
    waiting: () => Waiting | undefined,
    options: AuthorizeOptions,
  ) {
    const { isInteractive, log, folder, waitMs = WAIT_MS, loginMs = LOGIN_MS } = options;
    this.#server = config.name;
    this.#make = async () => {
      const { OAuth, oauthFolder, openBrowser, TokenStore } = await import("./lazy.ts");
      const store = new TokenStore(folder ?? oauthFolder(Deno.env), log);
      const patience = config.options.connectTimeoutMs * WAIT_SHARE;
      const settings = { config, url, store, isInteractive, waiting, loginMs, log };
      return new OAuth({
        ...settings,
        waitMs: Math.min(waitMs, patience),
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

  async #get(): Promise<OwnAuthorization> {
    try {
      const made = await (this.#made ??= this.#make());
      if (this.#isClosed) await made.close();
      return made;
    } catch (error) {
      throw explainLogin(error, this.#server);
    }
  }
}
