import { OperationStats, type OperationSummary } from "./operation_stats.ts";

/** One operation to be counted. */
export interface Observation {
  /** Name of the gateway's tool. */
  readonly operation: string;
  /** The agent that was identified, or that the connection is bound to. */
  readonly agent?: string | undefined;
  /** The server, if it is configured. */
  readonly server?: string | undefined;
  /** The server's tool, if it was called. */
  readonly tool?: string | undefined;
  /** The error code; absent for a success. */
  readonly code?: string | undefined;
  /** Whether the server's tool itself answered with an error. Default: no. */
  readonly isToolError?: boolean;
  /** Milliseconds from the request to its answer. */
  readonly latencyMs: number;
}

/** Metrics of all operations, by four dimensions. */
export interface MetricsSummary {
  /** By the gateway's tool. */
  readonly operations: Readonly<Record<string, OperationSummary>>;
  /** By agent; agents beyond the first hundred count as `other`. */
  readonly agents: Readonly<Record<string, OperationSummary>>;
  /** By server; servers beyond the first hundred count as `other`. */
  readonly servers: Readonly<Record<string, OperationSummary>>;
  /** By `server/tool`; tools beyond the first two hundred count as `other`. */
  readonly tools: Readonly<Record<string, OperationSummary>>;
}

/** A dimension of the metrics. */
export type Dimension = keyof MetricsSummary;

/** Maximum number of names per dimension, to bound the memory. */
const MAX_NAMES: Readonly<Record<Dimension, number>> = {
  operations: 10,
  agents: 100,
  servers: 100,
  tools: 200,
};

/** Stands for all names beyond the maximum. */
const OTHER = "other";

/** Counts the operations that wait for their clients, and how they ended. */
export class ParkedCounts {
  /** Number of operations that wait for their clients. */
  waiting = 0;
  /** Number of operations that have waited and ended, by ending. */
  readonly endings = new Map<string, number>();

  /** Counts an operation that begins to wait. */
  begin(): void {
    this.waiting++;
  }

  /** Counts the end of an operation that has waited. */
  end(ending: string): void {
    this.waiting--;
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
  }
}

/** Counts operations by several dimensions, in bounded memory. */
export class Metrics {
  /** Statistics by dimension and name. */
  readonly stats: Readonly<Record<Dimension, Map<string, OperationStats>>> = {
    operations: new Map(),
    agents: new Map(),
    servers: new Map(),
    tools: new Map(),
  };

  /** Operations that wait for their clients. */
  readonly parked = new ParkedCounts();

  /** Counts one operation. */
  observe(observation: Observation): void {
    const { operation, agent, server, tool, code = "", latencyMs } = observation;
    const isToolError = observation.isToolError === true;
    this.#statsOf("operations", operation).add(latencyMs, code, isToolError);
    if (agent !== undefined) this.#statsOf("agents", agent).add(latencyMs, code, isToolError);
    if (server === undefined) return;
    this.#statsOf("servers", server).add(latencyMs, code, isToolError);
    if (tool !== undefined) {
      this.#statsOf("tools", `${server}/${tool}`).add(latencyMs, code, isToolError);
    }
  }

  /** Returns the metrics of all operations so far. */
  summary(): MetricsSummary {
    const { operations, agents, servers, tools } = this.stats;
    return {
      operations: summarize(operations),
      agents: summarize(agents),
      servers: summarize(servers),
      tools: summarize(tools),
    };
  }

  #statsOf(dimension: Dimension, name: string): OperationStats {
    const byName = this.stats[dimension];
    const existingStats = byName.get(name);
    if (existingStats !== undefined) return existingStats;
    if (byName.size >= MAX_NAMES[dimension] && name !== OTHER) {
      return this.#statsOf(dimension, OTHER);
    }
    const stats = new OperationStats();
    byName.set(name, stats);
    return stats;
  }
}

function summarize(stats: ReadonlyMap<string, OperationStats>): Record<string, OperationSummary> {
  return Object.fromEntries(
    [...stats].map(([name, operationStats]) => [name, operationStats.summary()]),
  );
}
