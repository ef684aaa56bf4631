import { DownstreamError } from "../errors.ts";
import { type ClientCapabilities, type ClientChannel, supportsUrlElicitation } from "./caller.ts";

/**
 * Authorizes the requests to a remote server. The interface between a remote transport, which sends
 * requests, and OAuth, which has the tokens.
 */
export interface Authorization {
  /**
   * Returns the headers to add to a request: `Authorization`, or none if there is no token. Renews a
   * token that is about to expire.
   *
   * @param signal Cancels the renewal; its reason is thrown.
   * @throws {DownstreamError} `SERVER_UNAVAILABLE` if a token cannot be renewed for now.
   */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /**
   * Recovers from a 401 or a 403 `insufficient_scope`. When it resolves, the request may be sent again,
   * once: it never reached a tool.
   *
   * @param refusal The response with that status; its body is not needed.
   * @param options The header that was sent, and the signal.
   * @throws {DownstreamError} `AUTH_REQUIRED` if a person has to log in first.
   */
  recover(refusal: Response, options: RecoverOptions): Promise<void>;
}

/** The context of a request that was refused. */
export interface RecoverOptions {
  /** Its `Authorization` header; another request may have obtained a newer token meanwhile. */
  readonly sent: string | undefined;
  /** Cancels the recovery; its reason is thrown. */
  readonly signal: AbortSignal;
}

/** A call that waits for a server; its client can ask a person to log in. */
export interface PendingCaller {
  /** Capabilities of the calling client; a login uses URL elicitation if the client supports it. */
  readonly capabilities: ClientCapabilities;
  /** The back channel to the calling client. */
  readonly link: ClientChannel;
}

/** An entry for one operation, because a client may have many. */
interface PendingEntry {
  readonly call: PendingCaller;
}

/** The operations that wait for a server; a login can be offered to the clients of these. */
export class PendingCalls {
  readonly #calls = new Set<PendingEntry>();

  /** The operation to offer a login to: the first whose client can show links, else the first. */
  get best(): PendingCaller | undefined {
    const calls = [...this.#calls].map(({ call }) => call);
    return calls.find(supportsUrlElicitation) ?? calls[0];
  }

  /** Adds an operation. Pass the result to `leave`. */
  enter(call: PendingCaller): PendingEntry {
    const entry = { call };
    this.#calls.add(entry);
    return entry;
  }

  /** Removes an operation. */
  leave(entry: PendingEntry): void {
    this.#calls.delete(entry);
  }
}

/** The authorization of one server, which the server closes. */
export interface ServerAuth extends Authorization {
  /** Cancels a login in progress; waits for tokens that are being renewed. */
  close(): Promise<void>;
}

/**
 * A login is needed, and no call was waiting to which it could be offered. A call that arrived meanwhile
 * may be tried once more. The code is `AUTH_REQUIRED`.
 */
export class LoginNeedsCaller extends DownstreamError {}
