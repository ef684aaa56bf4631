import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { NobodyWaited, type Waiting } from "../authorization.ts";
import { takesLinks } from "../calls_waiting.ts";
import { type Asked, askPerson, tellDone } from "./ask_person.ts";
import type { Challenge } from "./discovery.ts";
import { serverCommand } from "../server_command.ts";
import { LoginAttempt } from "./login_attempt.ts";
import type { StoredLogin } from "./stored_login.ts";
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

/** What a login begins with. */
export interface LoginStart {
  /** What the server said when it refused. */
  readonly challenge: Challenge;
  /** The login before, if there was one. */
  readonly last: StoredLogin | undefined;
  /** Keeps what comes out. */
  readonly keep: (login: StoredLogin) => Promise<void>;
}

/**
 * Begins a login for the call that waits, and tells the log and the client how it goes.
 *
 * @param settings Of the server.
 * @param start See there.
 * @throws {NobodyWaited} where no call waits.
 */
export function startLogin(settings: OAuthSettings, start: LoginStart): LoginAttempt {
  const { config, url, waiting, loginMs, openBrowser, log } = settings;
  const { name } = config;
  const call = waiting();
  if (call === undefined) {
    const message = `Server "${name}" needs a login; the first call asks for it.`;
    throw new NobodyWaited("AUTH_REQUIRED", name, message, {
      command: serverCommand("auth login", name),
    });
  }
  const id = crypto.randomUUID();
  let asked: Asked | undefined;
  const attempt = new LoginAttempt({
    ...start,
    config,
    url,
    withinMs: loginMs,
    ask: async (link, signal) => {
      const question = { server: name, url: link, waiting: call, id, signal, openBrowser };
      log.info("Somebody is asked to log in", { server: name });
      asked = await askPerson(question);
      log.debug("Asked for a login", { server: name, by: asked });
      return asked;
    },
  });
  const tell = (): void => {
    // Who is quick is done before the client has said that the link was taken.
    if (takesLinks(call) && (asked ?? "client") === "client") tellDone(call, id);
  };
  attempt.done.then(() => {
    log.info("Logged in", { server: name });
    tell();
  }, (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn("A login did not work", { server: name, reason });
    tell();
  });
  return attempt;
}
