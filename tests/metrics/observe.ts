import type { Metrics, Observation, OperationSummary } from "../../src/metrics/mod.ts";

/** Observes operations with the given differences. */
export function observe(metrics: Metrics, ...given: Partial<Observation>[]): void {
  for (const each of given) {
    metrics.observe({ operation: "execute_tool", latencyMs: 1, ...each });
  }
}

/** Returns the number of operations in a summary. */
export function countOf(summaries: Readonly<Record<string, OperationSummary>>): number {
  return Object.values(summaries).reduce((sum, { count }) => sum + count, 0);
}
