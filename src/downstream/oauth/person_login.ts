import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { LoginNeedsCaller, type PendingCaller } from "../authorization.ts";
import { supportsUrlElicitation } from "../caller.ts";
import { type Asked, askPerson, tellDone } from "./ask_person.ts";
import type { OAuthChallenge } from "./discovery.ts";
import { serverCommand } from "../server_command.ts";
import { LoginAttempt } from "./login_attempt.ts";
import type { StoredLogin } from "./stored_login.ts";
import type { TokenStore } from "./token_store.ts";

/** Options for the authorization of one server. */
export interface OAuthSettings {
  readonly config: ServerConfig;
  /** The server's address. */
  readonly url: string;
  readonly store: TokenStore;
  /** Whether callers may be asked to log in. */
  readonly isInteractive: boolean;
  /** The waiting call, if there is one; preferably one whose client can show links. */
  readonly waiting: () => PendingCaller | undefined;
  /** Maximum time that a call waits for a login, in milliseconds. */
  readonly waitMs: number;
  /** Maximum duration of a login, in milliseconds. */
  readonly loginMs: number;
  /** Opens a link in the user's browser; resolves to whether that worked. */
  readonly openBrowser: (url: string) => Promise<boolean>;
  readonly log: Log;
}

/** Options of one login. */
export interface LoginStart {
  readonly challenge: OAuthChallenge;
  /** The previous login, if there was one. */
  readonly last: StoredLogin | undefined;
  /** Stores the new login. */
  readonly keep: (login: StoredLogin) => Promise<void>;
}

/**
 * Starts a login for the waiting call, and reports its progress to the log and the client.
 *
 * @throws {LoginNeedsCaller} if no call is waiting.
 */
export function startLogin(settings: OAuthSettings, start: LoginStart): LoginAttempt {
  const { config, url, waiting, loginMs, openBrowser, log } = settings;
  const { name } = config;
  const call = waiting();
  if (call === undefined) {
    const message = `Server "${name}" needs a login; the first call will start it.`;
    throw new LoginNeedsCaller("AUTH_REQUIRED", name, message, {
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
      log.info("A person is asked to log in", { server: name });
      asked = await askPerson(question);
      log.debug("Asked for a login", { server: name, by: asked });
      return asked;
    },
  });
  const complete = (): void => {
    // A fast user may finish before the client confirms the elicitation.
    if (supportsUrlElicitation(call) && (asked ?? "client") === "client") tellDone(call, id);
  };
  attempt.done.then(() => {
    log.info("Logged in", { server: name });
    complete();
  }, (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn("A login failed", { server: name, reason });
    complete();
  });
  return attempt;
}
