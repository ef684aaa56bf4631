/** One operation, as the figures see it. */
export interface Observation {
  /** The gateway's tool. */
  readonly operation: string;
  /** Code of the error, where it is one. */
  readonly code?: string | undefined;
  /** Milliseconds from the request to its answer. */
  readonly latencyMs: number;
}

/** Figures of one kind of operation. */
export interface OperationSummary {
  /** How many there were. */
  readonly count: number;
  /** How many of them ended with an error, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Share of errors, 0 to 1. */
  readonly error_rate: number;
  /** Average latency in milliseconds. */
  readonly latency_avg_ms: number;
}

/** Figures of all operations, by the gateway's tools. */
export interface MetricsSummary {
  /** By name of the gateway's tool. */
  readonly operations: Readonly<Record<string, OperationSummary>>;
}

/** How many codes are told apart; servers choose those of their errors. */
const MAX_CODES = 50;

/** Stands for the codes beyond these. */
const OTHER = "other";

interface Tally {
  count: number;
  latencyMs: number;
  readonly errors: Map<string, number>;
}

/** Counts operations. Memory is bounded by the gateway's own tools and error codes. */
export class Metrics {
  readonly #tallies = new Map<string, Tally>();

  /** Takes one operation into account. */
  observe({ operation, code, latencyMs }: Observation): void {
    let tally = this.#tallies.get(operation);
    if (tally === undefined) {
      tally = { count: 0, latencyMs: 0, errors: new Map() };
      this.#tallies.set(operation, tally);
    }
    tally.count++;
    tally.latencyMs += latencyMs;
    if (code === undefined) return;
    const known = tally.errors.has(code) || tally.errors.size < MAX_CODES ? code : OTHER;
    tally.errors.set(known, (tally.errors.get(known) ?? 0) + 1);
  }

  /** The figures so far. */
  summary(): MetricsSummary {
    const operations: Record<string, OperationSummary> = {};
    for (const [operation, { count, latencyMs, errors }] of this.#tallies) {
      const failed = [...errors.values()].reduce((sum, number) => sum + number, 0);
      operations[operation] = {
        count,
        errors: Object.fromEntries(errors),
        error_rate: failed / count,
        latency_avg_ms: Math.round(latencyMs / count * 1000) / 1000,
      };
    }
    return { operations };
  }
}
