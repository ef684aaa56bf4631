import { Histogram } from "./histogram.ts";

/** How many codes of servers are told apart, for servers choose them. */
const MAX_CODES = 50;

/** The gateway's own codes, and none: few, and always told apart. */
const OWN_CODE = /^[A-Z_]*$/;

/** Stands for the codes beyond these. */
const OTHER = "other";

/** Figures of one thing: an operation, an agent, a server or a tool. */
export interface TallySummary {
  /** How many operations there were. */
  readonly count: number;
  /** How many of them failed or were refused, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Results in which a server's tool itself reports an error (`isError`); no failures here. */
  readonly tool_errors: number;
  /** Share of `errors`, 0 to 1. */
  readonly error_rate: number;
  /** Average latency in milliseconds. */
  readonly latency_avg_ms: number;
  /** Median latency in milliseconds. */
  readonly latency_p50_ms: number;
  /** Latency in milliseconds that 95 % stay within. */
  readonly latency_p95_ms: number;
  /** Latency in milliseconds that 99 % stay within. */
  readonly latency_p99_ms: number;
}

/** Counts operations and their latencies, in bounded memory (about 30 kB). */
export class Tally {
  /** How many there were, by the code they ended with; `""` for those that did not fail. */
  readonly counts = new Map<string, number>();
  /** Sum of latencies in milliseconds. */
  sumMs = 0;
  /** Results in which a server's tool itself reports an error. */
  toolErrors = 0;
  #codesOfServers = 0;
  // In microseconds: latencies are told apart to 1 %, from one of these to half an hour.
  readonly #histogram = new Histogram();

  /** Takes one operation into account. */
  add(latencyMs: number, code: string, isToolError = false): void {
    if (isToolError) this.toolErrors++;
    const known = this.#isToldApart(code) ? code : OTHER;
    this.counts.set(known, (this.counts.get(known) ?? 0) + 1);
    this.sumMs += latencyMs;
    this.#histogram.add(latencyMs * 1000);
  }

  /** How many operations there were. */
  get count(): number {
    return this.#histogram.total;
  }

  /**
   * How many operations took no longer than each of several times, to 1 %.
   *
   * @param times In milliseconds, ascending.
   */
  countWithinMs(times: readonly number[]): number[] {
    return this.#histogram.countUpTo(times.map((ms) => ms * 1000));
  }

  /** Latency in milliseconds that a share of the operations stays within. */
  percentileMs(percent: number): number {
    return this.#histogram.percentile(percent) / 1000;
  }

  /** The figures so far. */
  summary(): TallySummary {
    const errors = [...this.counts].filter(([code]) => code !== "");
    const failed = errors.reduce((sum, [, count]) => sum + count, 0);
    const { count } = this;
    return {
      count,
      errors: Object.fromEntries(errors),
      tool_errors: this.toolErrors,
      error_rate: round(failed / Math.max(1, count)),
      latency_avg_ms: round(this.sumMs / Math.max(1, count)),
      latency_p50_ms: this.percentileMs(50),
      latency_p95_ms: this.percentileMs(95),
      latency_p99_ms: this.percentileMs(99),
    };
  }

  #isToldApart(code: string): boolean {
    if (this.counts.has(code) || OWN_CODE.test(code)) return true;
    if (this.#codesOfServers >= MAX_CODES) return false;
    this.#codesOfServers++;
    return true;
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
