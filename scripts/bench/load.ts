/** The members of an `initialize` request, without its id. */
export const INITIALIZE = '"method":"initialize","params":{"protocolVersion":"2025-06-18",' +
  '"capabilities":{},"clientInfo":{"name":"bench","version":"1"}}';

/** The times of many calls, summarized. */
export interface LoadResult {
  /** Median in milliseconds. */
  readonly p50: number;
  /** 99th percentile in milliseconds. */
  readonly p99: number;
  readonly perSecond: number;
}

/** The calls that a load makes. */
export interface LoadOptions {
  readonly count: number;
  /** Number of concurrent calls. */
  readonly inFlight: number;
  /** The method and parameters, as text: `"method":…,"params":…`. */
  readonly call: string;
  /** Minimum size of an answer in bytes. A shorter answer, such as a refusal, is a failure. */
  readonly minBytes: number;
}

/** Summarizes the times of calls, in milliseconds. Sorts `times`. */
export function summarizeTimes(times: Float64Array, tookMs: number): LoadResult {
  times.sort();
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), perSecond: times.length / tookMs * 1000 };
}
