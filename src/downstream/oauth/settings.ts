import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import type { Waiting } from "../authorization.ts";
import type { TokenStore } from "./token_store.ts";

/** What the authorization of a server is made with. */
export interface OAuthSettings {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Its address. */
  readonly url: string;
  /** Where logins are kept. */
  readonly store: TokenStore;
  /** Whether people who call may be asked to log in. */
  readonly isInteractive: boolean;
  /** The call that waits, if there is one; best one whose client can show links. */
  readonly waiting: () => Waiting | undefined;
  /** How long a call waits for a login, in milliseconds. */
  readonly waitMs: number;
  /** How long a login may take, in milliseconds. */
  readonly loginMs: number;
  /** Opens a link in the user's browser, and says whether that worked. */
  readonly openBrowser: (url: string) => Promise<boolean>;
  /** Takes what the operator should know. */
  readonly log: Log;
}
