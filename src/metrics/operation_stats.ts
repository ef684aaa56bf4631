import { roundThousandths } from "../rounding.ts";
import { Histogram } from "./histogram.ts";

/** Maximum number of codes that servers choose, to bound the memory. */
const MAX_CODES = 50;

/** The gateway's own codes, and none: they are few and always counted separately. */
const OWN_CODE = /^[A-Z_]*$/;

const OTHER = "other";

/** Metrics of one operation, agent, server or tool. */
export interface OperationSummary {
  /** Number of operations. */
  readonly count: number;
  /** Number of failed and refused operations by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Number of results with `isError`; they do not count as `errors`. */
  readonly tool_errors: number;
  /** Share of `errors`, 0 to 1. */
  readonly error_rate: number;
  /** Average latency in milliseconds. */
  readonly latency_avg_ms: number;
  /** Median latency in milliseconds. */
  readonly latency_p50_ms: number;
  /** 95th percentile of the latency in milliseconds. */
  readonly latency_p95_ms: number;
  /** 99th percentile of the latency in milliseconds. */
  readonly latency_p99_ms: number;
}

/** Counts operations and their latencies, in bounded memory (about 30 kB). */
export class OperationStats {
  /** Number of operations by error code; `""` for a success. */
  readonly counts = new Map<string, number>();
  /** Sum of latencies in milliseconds. */
  sumMs = 0;
  /** Number of results with `isError`. */
  toolErrors = 0;
  #serverCodes = 0;
  // In microseconds: exact to 1 %, up to half an hour.
  readonly #histogram = new Histogram();

  /** Counts one operation. */
  add(latencyMs: number, code: string, isToolError = false): void {
    if (isToolError) this.toolErrors++;
    const known = this.#isCountedSeparately(code) ? code : OTHER;
    this.counts.set(known, (this.counts.get(known) ?? 0) + 1);
    this.sumMs += latencyMs;
    this.#histogram.add(latencyMs * 1000);
  }

  /** Number of operations. */
  get count(): number {
    return this.#histogram.total;
  }

  /**
   * Returns for each time how many operations took no longer, exact to 1 %.
   *
   * @param times In milliseconds, in ascending order.
   */
  countWithinMs(times: readonly number[]): number[] {
    return this.#histogram.countUpTo(times.map((ms) => ms * 1000));
  }

  /** Returns a percentile of the latency in milliseconds. */
  percentileMs(percent: number): number {
    return this.#histogram.percentile(percent) / 1000;
  }

  /** Returns the metrics so far. */
  summary(): OperationSummary {
    const errors = [...this.counts].filter(([code]) => code !== "");
    const failed = errors.reduce((sum, [, count]) => sum + count, 0);
    const { count } = this;
    return {
      count,
      errors: Object.fromEntries(errors),
      tool_errors: this.toolErrors,
      error_rate: roundThousandths(failed / Math.max(1, count)),
      latency_avg_ms: roundThousandths(this.sumMs / Math.max(1, count)),
      latency_p50_ms: this.percentileMs(50),
      latency_p95_ms: this.percentileMs(95),
      latency_p99_ms: this.percentileMs(99),
    };
  }

  #isCountedSeparately(code: string): boolean {
    if (this.counts.has(code) || OWN_CODE.test(code)) return true;
    if (this.#serverCodes >= MAX_CODES) return false;
    this.#serverCodes++;
    return true;
  }
}
