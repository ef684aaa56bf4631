import type { Configuration, Settings } from "../config/mod.ts";
import type { CatalogStore, GracePeriods } from "../downstream/mod.ts";
import type { Log } from "../log.ts";
import type { Tracer } from "../trace.ts";
import type { ReloadOptions } from "./reload.ts";

/** Options of a gateway. */
export interface GatewayOptions {
  /** Settings from flags and environment variables. */
  readonly settings: Settings;
  /** The content of the two configuration files. */
  readonly configuration: Configuration;
  /** Path of the audit log while the configured one cannot be written. */
  readonly auditFallback: string;
  /** The gateway's version. */
  readonly version: string;
  /** Traces operations. */
  readonly tracer: Tracer;
  /** Reads, checks and watches the two configuration files. */
  readonly reload: ReloadOptions;
  /** Remembers what servers offer; default: nothing is remembered. */
  readonly catalogs?: CatalogStore | undefined;
  /** Path of the folder in which calls wait for approvals; default: none, so that only clients can be asked. */
  readonly approvalsFolder?: string;
  /**
   * Path of the folder for results that are too large for an agent and for memory; default: none, so that they are cut,
   * but not kept.
   */
  readonly resultsFolder?: string;
  /** Log for the operator. */
  readonly log: Log;
}

/** Options of `connect`. */
export interface ConnectOptions {
  /** The agent of the client's credential; `undefined` if it has none. */
  readonly agent?: string | undefined;
  /** Whether the process serves only this client, so that servers wait while it does not read. Default: no. */
  readonly isOnlyClient?: boolean;
  /** Id of the first request to the client; default: 1. */
  readonly firstRequestId?: number;
  /** Called when the client has closed its end, or with the reason if the connection ends for another one. */
  readonly onClosed: (cause?: Error) => void;
}

/** A connected client, as the part of the gateway that accepts clients over a socket needs it. */
export interface SharedClient {
  /** Its session. */
  readonly session: {
    /** Returns what is known about the client, for the operator. */
    describe(): Readonly<Record<string, unknown>>;
    /** Waits for the answers to the client's calls, and then cancels the rest. */
    end(withinMs: number): Promise<void>;
  };
  /** Ends the session, and stops the servers that only this client uses. */
  disconnect(): void;
}

/** Time limits for ending a gateway. */
export interface EndOptions {
  /** Maximum time for active calls to be answered, in milliseconds. */
  readonly callsMs: number;
  /** Grace periods of the servers. */
  readonly gracePeriods: GracePeriods;
}

/** Time limits of a shutdown by a signal. */
export const SIGNAL_TIME_LIMITS: EndOptions = {
  callsMs: 5000,
  gracePeriods: { afterInputCloseMs: 2000, afterTerminateMs: 2000 },
};
