import type { Dimension, Metrics, ParkedCounts } from "./metrics.ts";
import type { OperationStats } from "./operation_stats.ts";

const LABELS: Readonly<Record<Dimension, string>> = {
  operations: "operation",
  agents: "agent",
  servers: "server",
  tools: "tool",
};

/**
 * Upper bounds of the buckets in seconds. They are the same in every process, so that the buckets of
 * replicas can be added.
 */
// deno-fmt-ignore -- a row for each power of ten
const BUCKET_BOUNDS_S = [
  0.001, 0.0025, 0.005,
  0.01, 0.025, 0.05,
  0.1, 0.25, 0.5,
  1, 2.5, 5,
  10, 30, 60,
  300,
];

/**
 * Formats the metrics as Prometheus text: for each dimension, a counter by error code, a counter of
 * tool errors and a histogram of durations; and the operations that wait for their clients.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 */
export function writePrometheus(metrics: Metrics): string {
  const families = Object.entries(LABELS) as [Dimension, string][];
  return parkedLines(metrics.parked) + families.map(([dimension, label]) => {
    const series = [...metrics.stats[dimension]].map(([name, stats]) => {
      return { labels: `${label}="${escapeValue(name)}"`, stats };
    });
    const requests = `mcp_gateway_${label}_requests_total`;
    const toolErrors = `mcp_gateway_${label}_result_errors_total`;
    const durations = `mcp_gateway_${label}_duration_seconds`;
    return `# HELP ${requests} Requests by ${label} and error code; code is empty for success.\n` +
      `# TYPE ${requests} counter\n` +
      series.map(({ labels, stats }) => counterLines(requests, labels, stats)).join("") +
      `# HELP ${toolErrors} Results by ${label} in which a server's tool reports an error (isError).\n` +
      `# TYPE ${toolErrors} counter\n` +
      series.map(({ labels, stats }) => `${toolErrors}{${labels}} ${stats.toolErrors}\n`).join("") +
      `# HELP ${durations} Time from request to answer by ${label}.\n` +
      `# TYPE ${durations} histogram\n` +
      series.map(({ labels, stats }) => histogramLines(durations, labels, stats)).join("");
  }).join("");
}

/** Formats the operations whose clients were asked for input; nothing if there were none. */
function parkedLines({ waiting, endings }: ParkedCounts): string {
  if (waiting === 0 && endings.size === 0) return "";
  const gauge = "mcp_gateway_parked_operations";
  const counter = "mcp_gateway_parked_endings_total";
  return `# HELP ${gauge} Operations whose clients were asked for input, until they end.\n` +
    `# TYPE ${gauge} gauge\n${gauge} ${waiting}\n` +
    `# HELP ${counter} Operations whose clients were asked for input, by how they ended.\n` +
    `# TYPE ${counter} counter\n` +
    [...endings].map(([ending, count]) => `${counter}{ending="${ending}"} ${count}\n`).join("");
}

function counterLines(
  name: string,
  labels: string,
  { countsByCode: counts }: OperationStats,
): string {
  return [...counts].map(([code, count]) => {
    return `${name}{${labels},code="${escapeValue(code)}"} ${count}\n`;
  }).join("");
}

function histogramLines(name: string, labels: string, stats: OperationStats): string {
  const { operationCount, sumMs } = stats;
  const cumulativeCounts = stats.countWithinMs(BUCKET_BOUNDS_S.map((seconds) => seconds * 1000));
  return BUCKET_BOUNDS_S.map((seconds, index) => {
    return `${name}_bucket{${labels},le="${seconds}"} ${cumulativeCounts[index]}\n`;
  }).join("") +
    `${name}_bucket{${labels},le="+Inf"} ${operationCount}\n` +
    `${name}_sum{${labels}} ${sumMs / 1000}\n` +
    `${name}_count{${labels}} ${operationCount}\n`;
}

/** Escapes a label value, because servers and agents choose names and codes. */
function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
