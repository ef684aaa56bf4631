import { serverCommand } from "../server_command.ts";
import { DownstreamError, type ErrorDetails } from "../../errors.ts";
import { ForbiddenAddressError } from "../../named_fetch.ts";
import { UnsafeAddressError } from "./safe_address.ts";

/** A server could not be reached or is overloaded. The tokens may still be valid. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** A login failed. The message is for people and contains no secrets. */
export class LoginFailure extends Error {
  override readonly name = "LoginFailure";
  /** Whether another login may succeed; if not, the server's entry has to be changed first. */
  readonly canRetry: boolean;
  /** The error code of the authorization server, if it sent one. */
  readonly code: string | undefined;

  /**
   * @param message What happened and what to do, without the server's name.
   * @param options `canRetry`: default `true`. `code`: the authorization server's error code.
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
 * Makes the `AUTH_REQUIRED` error: a person has to log in.
 *
 * @param reason What happened and what to do, as the end of a sentence that begins with the server.
 * @param details The link, if there is one, and the command.
 */
export function createAuthRequiredError(
  server: string,
  reason: string,
  details: Pick<ErrorDetails, "url" | "command"> & ErrorOptions = {},
): DownstreamError {
  return new DownstreamError("AUTH_REQUIRED", server, `Server "${server}" ${reason}`, details);
}

/** Makes the error for an authorization server that cannot be reached at the moment. */
export function createUnavailableError(server: string, cause: UnreachableError): DownstreamError {
  const message =
    `Server "${server}" is not available: its authorization server ${cause.message}. ` +
    "Nobody was logged out; try again later.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause });
}

/**
 * Turns the error of a login into an error for the agent. An error of an unknown class is a bug in
 * the gateway, and its message says so.
 */
export function toDownstreamError(error: unknown, server: string): DownstreamError {
  if (error instanceof DownstreamError) return error;
  if (error instanceof UnreachableError) return createUnavailableError(server, error);
  if (error instanceof UnsafeAddressError || error instanceof ForbiddenAddressError) {
    const reason = `asks for a login, but ${error.message}, so nothing is sent there.`;
    return createAuthRequiredError(server, reason, { cause: error });
  }
  if (!(error instanceof LoginFailure)) {
    const errorName = error instanceof Error ? error.name : typeof error;
    const message = `Server "${server}" is not available: its login failed inside the gateway ` +
      `(${errorName}). This is a bug in the gateway, not in the server; please report it.`;
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause: error });
  }
  const command = error.canRetry ? { command: serverCommand("auth login", server) } : {};
  return createAuthRequiredError(server, `needs a login: ${error.message}`, {
    ...command,
    cause: error,
  });
}
