/**
 * Metrics of the operations, in bounded memory. Decides nothing. Imports leaves only.
 *
 * @module
 */

export {
  type Dimension,
  Metrics,
  type MetricsSummary,
  type Observation,
  ParkedCounts,
} from "./metrics.ts";
export { writePrometheus } from "./prometheus.ts";
export { OperationStats, type OperationSummary } from "./operation_stats.ts";
