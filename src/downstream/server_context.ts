import type { ServerConfig } from "../config/mod.ts";
import type { Log } from "../log.ts";
import type { Authorization, OwnAuthorization, PendingCaller } from "./authorization.ts";
import type { Transport } from "./transport.ts";

/** What every server of a gateway shares. */
export interface ServerContext {
  /** The gateway's version, told to servers. */
  readonly version: string;
  /** Takes what servers print and what is odd about them. */
  readonly log: Log;
  /** Opens a connection, whose requests get their authorization from there. */
  readonly open: (config: ServerConfig, authorization?: Authorization) => Promise<Transport>;
  /** Makes the authorization of a server, where it needs one; `waiting` gives the call that waits. */
  readonly authorize?: (
    config: ServerConfig,
    waiting: () => PendingCaller | undefined,
  ) => OwnAuthorization | undefined;
  /** Milliseconds of the clock by which a server that fails to start is left alone; default the system's. */
  readonly now?: () => number;
  /** How long a server may take to answer a ping, in milliseconds; default 5000. */
  readonly pingMs?: number;
}
