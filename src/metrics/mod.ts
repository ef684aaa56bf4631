/**
 * Figures of the operations so far, in bounded memory. Decides nothing. Imports nothing of the
 * project.
 *
 * @module
 */

export {
  Metrics,
  type MetricsSummary,
  type Observation,
  type OperationSummary,
} from "./metrics.ts";
