import type { Metrics, Observation, OperationSummary } from "../../src/metrics/mod.ts";

/** Observes operations; a test sets only the members that it needs. */
export function observeOperations(metrics: Metrics, ...observations: Partial<Observation>[]): void {
  for (const observation of observations) {
    metrics.observe({ operation: "execute_tool", latencyMs: 1, ...observation });
  }
}

/** Returns the total number of operations in summaries. */
export function countOperations(summaries: Readonly<Record<string, OperationSummary>>): number {
  return Object.values(summaries).reduce((sum, { count }) => sum + count, 0);
}
