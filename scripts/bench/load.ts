/** What many calls took. */
export interface Load {
  /** Milliseconds that half of the calls took at most. */
  readonly p50: number;
  /** The same of 99 in 100. */
  readonly p99: number;
  readonly perSecond: number;
}

/** How a server is loaded. */
export interface LoadOptions {
  /** How many calls. */
  readonly count: number;
  /** How many of them at a time. */
  readonly inFlight: number;
  /** The method and parameters, as text: `"method":…,"params":…`. */
  readonly call: string;
  /** Bytes that an answer has at least; a shorter one is a failure, such as a refusal. */
  readonly leastBytes: number;
}

/** Sums the times of calls up; `times` is sorted. */
export function sumUp(times: Float64Array, tookMs: number): Load {
  times.sort();
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), perSecond: times.length / tookMs * 1000 };
}
