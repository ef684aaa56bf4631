import { DownstreamError } from "../errors.ts";

/** What went on with a server, for its status. */
export class ServerHealth {
  /** The last failure. */
  lastError: string | undefined;
  /** Whether the last operation needed a login that nobody made. */
  needsLogin = false;
  /** Sessions that were started after one had failed. */
  restarts = 0;
  /** Milliseconds from the start of the newest session to its handshake. */
  connectMs: number | undefined;
  #failures = 0;

  /** Whether the last session broke. */
  get isBroken(): boolean {
    return this.#failures > 0;
  }

  /** Something went wrong; what is no failure of the server is left out. */
  note(error: unknown): void {
    if (!(error instanceof DownstreamError)) return;
    this.lastError = error.message;
    this.needsLogin = error.code === "AUTH_REQUIRED";
  }

  /** A session is started. */
  started(): void {
    if (this.isBroken) this.restarts++;
  }

  /** A session is ready. */
  connected(ms: number | undefined): void {
    this.#failures = 0;
    this.needsLogin = false;
    this.connectMs = ms;
  }

  /** A session broke. */
  broke(): void {
    this.#failures++;
  }
}
