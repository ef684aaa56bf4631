import type { Dimension, Metrics } from "./metrics.ts";

/** What a dimension's label is called. */
const LABELS: Readonly<Record<Dimension, string>> = {
  operations: "operation",
  agents: "agent",
  servers: "server",
  tools: "tool",
};

const QUANTILES = [0.5, 0.95, 0.99];

/**
 * Writes the figures in the text format of Prometheus, through one registry. The library is loaded
 * on the first call, because it costs 40 ms.
 *
 * @param metrics The figures.
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 */
export async function writePrometheus(metrics: Metrics): Promise<string> {
  const { Counter, Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  const registers = [registry];
  for (const [dimension, label] of Object.entries(LABELS) as [Dimension, string][]) {
    const prefix = `mcp_gateway_${label}`;
    const total = new Counter({
      name: `${prefix}_requests_total`,
      help: `Operations by ${label} and error code; without a code those that did not fail`,
      labelNames: [label, "code"],
      registers,
    });
    const seconds = new Counter({
      name: `${prefix}_latency_seconds_sum`,
      help: `Sum of latencies by ${label}`,
      labelNames: [label],
      registers,
    });
    const quantiles = new Gauge({
      name: `${prefix}_latency_seconds`,
      help: `Latency by ${label} and quantile`,
      labelNames: [label, "quantile"],
      registers,
    });
    for (const [name, tally] of metrics.tallies[dimension]) {
      for (const [code, count] of tally.counts) total.inc({ [label]: name, code }, count);
      seconds.inc({ [label]: name }, tally.sumMs / 1000);
      for (const quantile of QUANTILES) {
        const value = tally.percentileMs(quantile * 100) / 1000;
        quantiles.set({ [label]: name, quantile: String(quantile) }, value);
      }
    }
  }
  return await registry.metrics();
}
