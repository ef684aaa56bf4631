import type { Approvals } from "../approvals/mod.ts";
import type { Settings } from "../config/mod.ts";
import type { CallLimits } from "../limits/mod.ts";
import type { Log } from "../log.ts";
import type { CallerFacts } from "../policy/mod.ts";
import type { Tracer } from "../trace.ts";
import type { OwnServer } from "./own_server/mod.ts";
import type { Records } from "./records.ts";
import type { Snapshot } from "./snapshot.ts";
import type { StatusSource } from "./tools/mod.ts";

/** The context of operations; each operation reads the snapshot once. */
export interface PipelineContext {
  /** The active configuration. */
  readonly snapshot: Snapshot;
  /** Returns the context with the configuration that is active now. */
  readonly latest: () => PipelineContext;
  /** Loads the approvals that calls wait for. */
  readonly approvals: () => Promise<Approvals>;
  /** The agent that the connection is bound to, and the default agent. */
  readonly identity: Pick<CallerFacts, "bound" | "defaultAgent">;
  /** Rate and concurrency limits of the agents. */
  readonly limits: CallLimits;
  /** The gateway's own server. */
  readonly ownServer: OwnServer;
  /** The audit log and the metrics. */
  readonly records: Records;
  /** Starts the spans of operations. */
  readonly tracer: Tracer;
  /** Transport of the client. */
  readonly transport: Settings["transport"];
  /** Tools that clients see: the gateway's own, or directly those of the servers. */
  readonly face: Settings["face"];
  /** Maximum length of the names under which tools and prompts of servers are offered. */
  readonly maxNameLength: number;
  /** Log for the gateway's own errors. */
  readonly log: Log;
  /** Source of the gateway's state. */
  readonly gateway: StatusSource;
}
