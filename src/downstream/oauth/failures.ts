import { serverCommand } from "../server_command.ts";
import type { ServerConfig } from "../../config/mod.ts";
import { DownstreamError, type ErrorDetails } from "../../errors.ts";
import { quotable } from "../secrets.ts";
import { UnsafeAddress } from "./safe_address.ts";

/** Longest text of a server that is quoted, in UTF-16 code units. */
const MAX_QUOTE = 200;

/** A server of the login cannot be reached for now; nothing is said about the tokens. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** The login did not work; the message is for people, and free of secrets. */
export class LoginFailed extends Error {
  override readonly name = "LoginFailed";
  /** Whether another try can help; otherwise the entry of the server has to be changed first. */
  readonly canRetry: boolean;
  /** The error code of the login service, where it refused with one. */
  readonly code: string | undefined;

  /**
   * Says why.
   *
   * @param message What happened and what to do, without the server's name.
   * @param options Whether another try can help, the login service's code, and the failure behind it.
   */
  constructor(
    message: string,
    options: ErrorOptions & { readonly canRetry?: boolean; readonly code?: string } = {},
  ) {
    super(message, options);
    this.canRetry = options.canRetry ?? true;
    this.code = options.code;
  }
}

/**
 * The error that tells an agent to have somebody log in.
 *
 * @param server The server's name.
 * @param why What happened and what to do.
 * @param details The link, where there is one, and the command.
 */
export function authRequired(
  server: string,
  why: string,
  details: Pick<ErrorDetails, "url" | "command"> & ErrorOptions = {},
): DownstreamError {
  return new DownstreamError("AUTH_REQUIRED", server, `Server "${server}" ${why}`, details);
}

/** The error that tells an agent that tokens can neither be renewed nor got for now. */
export function unavailable(server: string, cause: Unreachable): DownstreamError {
  const message = `Server "${server}" is not available: its login service ${cause.message}. ` +
    "Nobody was logged out; try again later.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause });
}

/**
 * Turns what went wrong with a login into what the agent is told. An error that is none of a login is
 * a fault of the gateway, and must not look like one of the server.
 *
 * @param error What was thrown.
 * @param server The server's name.
 */
export function explainLogin(error: unknown, server: string): DownstreamError {
  if (error instanceof DownstreamError) return error;
  if (error instanceof Unreachable) return unavailable(server, error);
  if (error instanceof UnsafeAddress) {
    const why = `asks for a login, but ${error.message}, so nothing is sent there.`;
    return authRequired(server, why, { cause: error });
  }
  if (!(error instanceof LoginFailed)) {
    const kind = error instanceof Error ? error.name : typeof error;
    const message = `Server "${server}" is not available: its login failed inside the gateway ` +
      `(${kind}). This is a bug in the gateway, not in the server; please report it.`;
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause: error });
  }
  const command = error.canRetry ? { command: serverCommand("auth login", server) } : {};
  return authRequired(server, `needs a login: ${error.message}`, { ...command, cause: error });
}

/**
 * Quotes what a server said, as data: one line, cut, without control characters and secrets.
 *
 * @param text What it said.
 * @param config Its entry.
 */
export function quoteServer(text: string, config: ServerConfig): string {
  const line = quotable(text, config).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  return JSON.stringify(line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}…` : line);
}
