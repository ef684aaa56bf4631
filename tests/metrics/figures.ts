import type { Metrics, Observation, TallySummary } from "../../src/metrics/mod.ts";

/** Observes operations that differ in what is given for each. */
export function observe(metrics: Metrics, ...given: Partial<Observation>[]): void {
  for (const each of given) {
    metrics.observe({ operation: "execute_tool", latencyMs: 1, ...each });
  }
}

/** How many operations figures count. */
export function countOf(figures: Readonly<Record<string, TallySummary>>): number {
  return Object.values(figures).reduce((sum, { count }) => sum + count, 0);
}
