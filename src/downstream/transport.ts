import type { Channel } from "../jsonrpc/mod.ts";

/** How long a server gets for each step of its end, in milliseconds. */
export interface GracePeriods {
  /** After its input was closed. */
  readonly inputMs: number;
  /** After it was asked to end. */
  readonly terminateMs: number;
}

/** An open connection to a server, whatever it runs over. The seam for further transports. */
export interface Transport {
  /** The way messages take. */
  readonly channel: Channel;
  /** The process id, where the server is a process of ours. */
  readonly pid?: number;
  /** Resolves when that process has ended; what it started may hold the channel open for longer. */
  readonly exited?: Promise<unknown>;
  /** Whether the server keeps a session under an id, which it may forget while the channel goes on. */
  readonly hasSessionId?: boolean;
  /** Takes the revision that was agreed on, where requests have to name it. */
  negotiated?(revision: string): void;
  /**
   * Returns the last output of the server, such as its last lines on stderr, and its exit code; without
   * secrets, at most 20 lines and 2 KB. Empty if there is none. Waits a moment for the output of a
   * process that is ending.
   */
  lastWords(): Promise<string>;
  /** Ends everything that was started for the connection, at once and without asking. */
  kill(): void;
  /**
   * Ends the connection and everything that was started for it. May be called again, with less
   * patience.
   */
  end(patience: GracePeriods): Promise<void>;
}
