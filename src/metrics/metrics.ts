import { Tally, type TallySummary } from "./tally.ts";

/** One operation, as the figures see it. */
export interface Observation {
  /** The gateway's tool. */
  readonly operation: string;
  /** The agent, once it is known to be one of the rules. */
  readonly agent?: string | undefined;
  /** The server, where it is a configured one. */
  readonly server?: string | undefined;
  /** The server's tool, where it was called. */
  readonly tool?: string | undefined;
  /** Code of the error, where it is one. */
  readonly code?: string | undefined;
  /** Whether the server's tool itself answered with an error. Default: no. */
  readonly isToolError?: boolean;
  /** Milliseconds from the request to its answer. */
  readonly latencyMs: number;
}

/** Figures of all operations, each by name. */
export interface MetricsSummary {
  /** By the gateway's tool. */
  readonly operations: Readonly<Record<string, TallySummary>>;
  /** By agent; those beyond the first hundred as `other`. */
  readonly agents: Readonly<Record<string, TallySummary>>;
  /** By server; those beyond the first hundred as `other`. */
  readonly servers: Readonly<Record<string, TallySummary>>;
  /** By `server/tool`; those beyond the first two hundred as `other`. */
  readonly tools: Readonly<Record<string, TallySummary>>;
}

/** What operations are told apart by. */
export type Dimension = keyof MetricsSummary;

/** How many names of each are told apart, so that memory stays bounded whoever calls. */
const MOST_NAMES: Readonly<Record<Dimension, number>> = {
  operations: 10,
  agents: 100,
  servers: 100,
  tools: 200,
};

/** Stands for all names beyond those. */
const OTHER = "other";

/** Counts operations by several dimensions, in bounded memory. */
export class Metrics {
  /** The tallies by dimension and name. */
  readonly tallies: Readonly<Record<Dimension, Map<string, Tally>>> = {
    operations: new Map(),
    agents: new Map(),
    servers: new Map(),
    tools: new Map(),
  };

  /** Takes one operation into account. */
  observe(observation: Observation): void {
    const { operation, agent, server, tool, code = "", latencyMs } = observation;
    const isToolError = observation.isToolError === true;
    this.#tally("operations", operation).add(latencyMs, code, isToolError);
    if (agent !== undefined) this.#tally("agents", agent).add(latencyMs, code, isToolError);
    if (server === undefined) return;
    this.#tally("servers", server).add(latencyMs, code, isToolError);
    if (tool !== undefined) {
      this.#tally("tools", `${server}/${tool}`).add(latencyMs, code, isToolError);
    }
  }

  /** The figures so far. */
  summary(): MetricsSummary {
    const { operations, agents, servers, tools } = this.tallies;
    return {
      operations: summarize(operations),
      agents: summarize(agents),
      servers: summarize(servers),
      tools: summarize(tools),
    };
  }

  #tally(dimension: Dimension, name: string): Tally {
    const tallies = this.tallies[dimension];
    const known = tallies.get(name);
    if (known !== undefined) return known;
    if (tallies.size >= MOST_NAMES[dimension] && name !== OTHER) {
      return this.#tally(dimension, OTHER);
    }
    const tally = new Tally();
    tallies.set(name, tally);
    return tally;
  }
}

function summarize(tallies: ReadonlyMap<string, Tally>): Record<string, TallySummary> {
  return Object.fromEntries([...tallies].map(([name, tally]) => [name, tally.summary()]));
}
