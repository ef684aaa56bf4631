import { roundThousandths } from "../rounding.ts";
import { Histogram } from "./histogram.ts";

/** Maximum number of error codes of servers, to bound the memory. */
const MAX_SERVER_CODES = 50;

/** Matches the error codes of the gateway, and `""` for a success; each of them is counted separately. */
const GATEWAY_CODE = /^[A-Z_]*$/;

/** Stands for all server codes beyond the maximum. */
const OTHER = "other";

/** Metrics of one operation, agent, server or tool. */
export interface OperationSummary {
  /** Number of operations. */
  readonly count: number;
  /** Number of failed and refused operations by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Number of results with `isError`; they do not count as `errors`. */
  readonly tool_errors: number;
  /** Number of errors divided by the number of operations. */
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
  readonly countsByCode = new Map<string, number>();
  /** Sum of latencies in milliseconds. */
  sumMs = 0;
  /** Number of results with `isError`. */
  toolErrors = 0;
  #serverCodeCount = 0;
  // In microseconds, exact to 1 %, up to half an hour.
  readonly #latencies = new Histogram();

  /** Counts one operation. */
  add(latencyMs: number, code: string, isToolError = false): void {
    if (isToolError) this.toolErrors++;
    const countedCode = this.#isCountedSeparately(code) ? code : OTHER;
    this.countsByCode.set(countedCode, (this.countsByCode.get(countedCode) ?? 0) + 1);
    this.sumMs += latencyMs;
    this.#latencies.add(latencyMs * 1000);
  }

  /** Number of operations. */
  get operationCount(): number {
    return this.#latencies.valueCount;
  }

  /**
   * Returns the number of operations that took at most each time, exact to 1 %.
   *
   * @param timesMs In ascending order.
   */
  countWithinMs(timesMs: readonly number[]): number[] {
    return this.#latencies.countUpTo(timesMs.map((ms) => ms * 1000));
  }

  /** Returns a percentile of the latency in milliseconds. */
  percentileMs(percent: number): number {
    return this.#latencies.percentile(percent) / 1000;
  }

  /** Returns the metrics so far. */
  summary(): OperationSummary {
    const errors = [...this.countsByCode].filter(([code]) => code !== "");
    const errorCount = errors.reduce((sum, [, count]) => sum + count, 0);
    const count = this.operationCount;
    return {
      count,
      errors: Object.fromEntries(errors),
      tool_errors: this.toolErrors,
      error_rate: roundThousandths(errorCount / Math.max(1, count)),
      latency_avg_ms: roundThousandths(this.sumMs / Math.max(1, count)),
      latency_p50_ms: this.percentileMs(50),
      latency_p95_ms: this.percentileMs(95),
      latency_p99_ms: this.percentileMs(99),
    };
  }

  #isCountedSeparately(code: string): boolean {
    if (this.countsByCode.has(code) || GATEWAY_CODE.test(code)) return true;
    if (this.#serverCodeCount >= MAX_SERVER_CODES) return false;
    this.#serverCodeCount++;
    return true;
  }
}
