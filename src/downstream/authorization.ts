import { DownstreamError } from "../errors.ts";
import { type ClientCapabilities, type ClientChannel, supportsUrlElicitation } from "./caller.ts";

/**
 * Gives the requests to a remote server their authorization. The seam between a remote transport,
 * which sends requests, and OAuth, which knows what they have to bear.
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
   * Makes a refusal good, 401 or 403 `insufficient_scope`. When it resolves, the request may be sent
   * again, once: it never reached a tool.
   *
   * @param refusal The answer that refused it; its body is not needed.
   * @param options The header that was sent, and the signal.
   * @throws {DownstreamError} `AUTH_REQUIRED` where a person has to log in first.
   */
  recover(refusal: Response, options: RecoverOptions): Promise<void>;
}

/** The context of a request that was refused. */
export interface RecoverOptions {
  /** The header that it bore; another request may have brought a newer token meanwhile. */
  readonly sent: string | undefined;
  /** Gives up; its reason is thrown. */
  readonly signal: AbortSignal;
}

/** A call that waits for a server, so that a person may be asked to log in. */
export interface PendingCaller {
  /** Capabilities of the calling client; a login is offered through URL elicitation where it can. */
  readonly capabilities: ClientCapabilities;
  /** The way to the calling client. */
  readonly link: ClientChannel;
}

/** One for each operation, because a client may have many. */
interface PendingEntry {
  readonly call: PendingCaller;
}

/** The operations that wait for a server, so that a person may be asked something for them. */
export class PendingCalls {
  readonly #calls = new Set<PendingEntry>();

  /** The one to ask for: the first whose client can show links, else the first. */
  get best(): PendingCaller | undefined {
    const calls = [...this.#calls].map(({ call }) => call);
    return calls.find(supportsUrlElicitation) ?? calls[0];
  }

  /** Adds one, and gives what takes it out again. */
  enter(call: PendingCaller): PendingEntry {
    const entry = { call };
    this.#calls.add(entry);
    return entry;
  }

  /** Takes one out. */
  leave(entry: PendingEntry): void {
    this.#calls.delete(entry);
  }
}

/** A server's authorization, as the server owns it. */
export interface ServerAuth extends Authorization {
  /** Gives up a login that is under way; waits for tokens that are just being renewed. */
  close(): Promise<void>;
}

/**
 * A login is needed, and no call was there for which somebody could have been asked. A call that came
 * meanwhile may begin once more. The code is `AUTH_REQUIRED`.
 */
export class LoginNeedsCaller extends DownstreamError {}
