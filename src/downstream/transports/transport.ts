import type { Channel } from "../../jsonrpc/mod.ts";

/** Time for each step of a server's shutdown, in milliseconds. */
export interface GracePeriods {
  /** From the end of the server's input to the request to terminate (SIGTERM). */
  readonly afterInputCloseMs: number;
  /** From the request to terminate to the kill (SIGKILL). */
  readonly afterTerminateMs: number;
}

/** Brings a connection back into use after a sleep of this machine. */
export interface Recovery {
  /** Whether the server has responded on a new connection since the sleep. */
  readonly hasResponded: boolean;
  /** Whether the server has refused the token of its last request, and another one is being obtained. */
  readonly awaitsLogin: boolean;
  /** Uses new connections from now on, because those that are open may be dead. */
  renewConnections(): void;
  /**
   * Opens the streams of the server again, and gives up the requests whose answers can no longer arrive.
   *
   * @param sleptMs Duration of the sleep, in milliseconds.
   */
  resume(sleptMs: number): void;
  /** Ends the session, because the server does not answer. */
  endAsLost(reason: string): void;
}

/** An open connection to a server over any transport. */
export interface Transport {
  /** Carries the messages. */
  readonly channel: Channel;
  /** The id of the server's process, if the gateway started one. */
  readonly pid?: number;
  /** Resolves when the process `pid` has ended; its children may hold the channel open for longer. */
  readonly exited?: Promise<unknown>;
  /** Whether the server's program was started without its launcher. */
  readonly isDirect?: boolean;
  /** Whether the server keeps a session under an id, which it may forget while the channel is open. */
  readonly hasSessionId?: boolean;
  /** Absent if the connection cannot die in silence while the machine sleeps. */
  readonly recovery?: Recovery;
  /** Sets the HTTP headers of all further messages, for transports over HTTP. */
  setHeaders?(headers: Readonly<Record<string, string>>): void;
  /**
   * Returns the last output of the server, such as its last lines on stderr, and its exit code; without
   * secrets, about 20 lines and 2 KB. Empty if there is none. If the process is ending, waits
   * briefly for its output.
   */
  readLastOutput(): Promise<string>;
  /** Kills everything that was started for the connection, immediately. */
  kill(): void;
  /**
   * Ends the connection and everything that was started for it. May be called again with shorter
   * grace periods.
   */
  end(gracePeriods: GracePeriods): Promise<void>;
}
