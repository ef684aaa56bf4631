import { DownstreamError } from "../errors.ts";

/**
 * Authorizes the requests to a remote server. It is the interface between a remote transport, which sends
 * the requests, and OAuth, which obtains the tokens.
 */
export interface Authorization {
  /**
   * Returns the headers to add to a request: `Authorization`, or none if there is no token. Renews a
   * token that is about to expire.
   *
   * @param signal Cancels the renewal; its reason is thrown.
   * @throws {DownstreamError} `SERVER_UNAVAILABLE` if the token cannot be renewed at the moment.
   */
  getHeaders(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /**
   * Recovers from a 401 or a 403 `insufficient_scope`. Afterwards, the request may be sent again
   * once, because it never reached a tool.
   *
   * @param refusal The 401 or 403 response; its body is not needed.
   * @param options The header that was sent, and the signal.
   * @throws {DownstreamError} `AUTH_REQUIRED` if a person has to log in first.
   */
  recover(refusal: Response, options: RecoverOptions): Promise<void>;
}

/** The context of a request that was refused. */
export interface RecoverOptions {
  /** The `Authorization` header of the request; another request may have obtained a newer token meanwhile. */
  readonly sentAuthorization: string | undefined;
  /** Cancels the recovery; its reason is thrown. */
  readonly signal: AbortSignal;
}

/** The authorization of one server. `DownstreamServer` closes it. */
export interface ServerAuth extends Authorization {
  /** Cancels a login in progress; waits for tokens that are being renewed. */
  close(): Promise<void>;
}

/**
 * A login is needed, but no call was waiting, so the login could not be offered to any client. A call that
 * arrived meanwhile may be tried once more. The code is `AUTH_REQUIRED`.
 */
export class LoginNeedsCaller extends DownstreamError {}
