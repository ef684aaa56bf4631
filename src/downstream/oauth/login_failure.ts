import { DownstreamError, type ErrorDetails } from "../../errors.ts";

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
 * Creates the `AUTH_REQUIRED` error: a person has to log in.
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
