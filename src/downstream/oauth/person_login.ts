import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { LoginNeedsCaller } from "../authorization.ts";
import type { ClientChannel } from "../client_channel.ts";
import type { PendingOperations } from "../pending_operations.ts";
import { serverCommand } from "../server_command.ts";
import type { OAuthChallenge } from "./discovery.ts";
import { LoginAttempt, type PromptOutcome } from "./login_attempt.ts";
import type { StoredLogin } from "./stored_login.ts";
import type { TokenStore } from "./token_store.ts";

/** Options of `OAuth`. */
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

/** Options of one login of a person. */
export interface StartLoginOptions {
  readonly challenge: OAuthChallenge;
  /** The previous login, if there was one. */
  readonly previousLogin: StoredLogin | undefined;
  /** Stores the new login. */
  readonly storeLogin: (login: StoredLogin) => Promise<void>;
}

/**
 * Starts a login at the client of a pending operation. Writes its result to the log, and notifies the client.
 *
 * @throws {LoginNeedsCaller} if no operation is pending.
 */
export function startLogin(settings: OAuthSettings, options: StartLoginOptions): LoginAttempt {
  const { config, url, store, pending, loginMs, openBrowser, log } = settings;
  const { name } = config;
  const channel = pending.bestChannel;
  if (channel === undefined) {
    const message = `Server "${name}" needs a login; the first call will start it.`;
    throw new LoginNeedsCaller("AUTH_REQUIRED", name, message, {
      command: serverCommand("auth login", name),
    });
  }
  const id = crypto.randomUUID();
  let outcome: PromptOutcome | undefined;
  const attempt = new LoginAttempt({
    ...options,
    config,
    url,
    store,
    timeoutMs: loginMs,
    promptPerson: async (link, signal) => {
      log.info("A person is asked to log in", { server: name });
      // The error that the call gets has the link.
      if (channel.relaysInput && channel.supports("url")) return outcome = "answer";
      outcome = await promptClient(channel, { server: name, link, id, signal }) ??
        (await openBrowser(link) ? "browser" : "nobody");
      log.debug("Asked for a login", { server: name, by: outcome });
      return outcome;
    },
  });
  const notifyClient = (): void => {
    // The outcome is missing if the person logs in before the client confirms the elicitation.
    if (channel.supports("url") && (outcome ?? "client") === "client") {
      channel.notifyUrlInputDone({ elicitationId: id });
    }
  };
  attempt.done.then(() => {
    log.info("Logged in", { server: name });
    notifyClient();
  }, (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn("A login failed", { server: name, reason });
    notifyClient();
  });
  return attempt;
}

/**
 * Prompts the person at a client to open the login page.
 *
 * @returns `undefined` if the client cannot prompt.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-mode-elicitation-requests}
 */
async function promptClient(
  channel: ClientChannel,
  { server, link, id, signal }: {
    readonly server: string;
    readonly link: string;
    readonly id: string;
    readonly signal: AbortSignal;
  },
): Promise<"client" | "declined" | undefined> {
  const message = `The server "${server}" needs you to log in at ${new URL(link).host}. ` +
    "Open the link and log in; the call then continues automatically.";
  const params = { mode: "url", elicitationId: id, url: link, message };
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
