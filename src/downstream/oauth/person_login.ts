import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { LoginNeedsCaller } from "../authorization.ts";
import type { ClientChannel } from "../client_channel.ts";
import type { PendingOperations } from "../pending_operations.ts";
import { serverCommand } from "../server_command.ts";
import type { OAuthChallenge } from "./discovery.ts";
import { type Asked, LoginAttempt } from "./login_attempt.ts";
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
  /** The operations on the server, one of whose clients is asked to log in. */
  readonly pending: PendingOperations;
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
 * Starts a login for a pending operation, and reports its progress to the log and the client.
 *
 * @throws {LoginNeedsCaller} if no operation is pending.
 */
export function startLogin(settings: OAuthSettings, start: LoginStart): LoginAttempt {
  const { config, url, pending, loginMs, openBrowser, log } = settings;
  const { name } = config;
  const channel = pending.bestChannel;
  if (channel === undefined) {
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
    ask: async (page, signal) => {
      log.info("A person is asked to log in", { server: name });
      asked = await askClient(channel, { server: name, page, id, signal }) ??
        (await openBrowser(page) ? "browser" : "nobody");
      log.debug("Asked for a login", { server: name, by: asked });
      return asked;
    },
  });
  const complete = (): void => {
    // A fast user may finish before the client confirms the elicitation.
    if (channel.supports("url") && (asked ?? "client") === "client") {
      channel.notifyLinkDone({ elicitationId: id });
    }
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

/**
 * Asks the person at a client to open the login page.
 *
 * @returns `undefined` if the client cannot ask.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-mode-elicitation-requests}
 */
async function askClient(
  channel: ClientChannel,
  { server, page, id, signal }: {
    readonly server: string;
    readonly page: string;
    readonly id: string;
    readonly signal: AbortSignal;
  },
): Promise<"client" | "declined" | undefined> {
  const message = `The server "${server}" needs you to log in at ${new URL(page).host}. ` +
    "Open the link and log in; the call then continues automatically.";
  const params = { mode: "url", elicitationId: id, url: page, message };
  const { kind } = await channel.requestInput({ kind: "url", params }, signal);
  switch (kind) {
    case "accepted":
      return "client";
    case "declined":
    case "cancelled":
      return "declined";
    case "failed":
    case "unsupported":
      return undefined;
  }
}
