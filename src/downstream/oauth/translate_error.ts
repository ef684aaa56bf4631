import { DownstreamError } from "../../errors.ts";
import { ForbiddenAddressError } from "../../untrusted_fetch.ts";
import { serverCommand } from "../server_command.ts";
import { createAuthRequiredError, LoginFailure, UnreachableError } from "./login_failure.ts";
import { UnsafeAddressError } from "./safe_address.ts";

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

/** Creates the error for an authorization server that cannot be reached at the moment. */
function createUnavailableError(server: string, cause: UnreachableError): DownstreamError {
  const message =
    `Server "${server}" is not available: its authorization server ${cause.message}. ` +
    "Nobody was logged out; try again later.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause });
}
