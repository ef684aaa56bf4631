import { serverCommand } from "../server_command.ts";
import type { ServerConfig } from "../../config/mod.ts";
import { DownstreamError, type ErrorDetails } from "../../errors.ts";
import { redactExcerpt } from "../secrets.ts";
import { UnsafeAddress } from "./safe_address.ts";

/** Maximum length of a quoted text of a server, in UTF-16 code units. */
const MAX_QUOTE = 200;

/** A server of the login is unreachable for now. This says nothing about the tokens. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** The login failed. The message is for people and contains no secrets. */
export class LoginFailed extends Error {
  override readonly name = "LoginFailed";
  /** Whether another attempt can help; otherwise the server's entry has to be changed first. */
  readonly canRetry: boolean;
  /** The error code of the login service, if it sent one. */
  readonly code: string | undefined;

  /**
   * @param message What happened and what to do, without the server's name.
   * @param options `canRetry`: default `true`. `code`: the login service's error code.
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
 * Makes the error that asks an agent to have a person log in.
 *
 * @param why What happened and what to do, as the end of a sentence about the server.
 * @param details The link, if there is one, and the command.
 */
export function authRequired(
  server: string,
  why: string,
  details: Pick<ErrorDetails, "url" | "command"> & ErrorOptions = {},
): DownstreamError {
  return new DownstreamError("AUTH_REQUIRED", server, `Server "${server}" ${why}`, details);
}

/** Makes the error for tokens that can be neither renewed nor requested for now. */
export function unavailable(server: string, cause: Unreachable): DownstreamError {
  const message = `Server "${server}" is not available: its login service ${cause.message}. ` +
    "Nobody was logged out; try again later.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause });
}

/**
 * Turns the failure of a login into an error for the agent. Any other error is a bug in the
 * gateway, and must not look like a fault of the server.
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
 * Quotes a server's text as data: on one line, shortened, without control characters and secrets.
 */
export function quoteServer(text: string, config: ServerConfig): string {
  const line = redactExcerpt(text, config).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  return JSON.stringify(line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}…` : line);
}
