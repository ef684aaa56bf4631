import assert from "node:assert/strict";
import { Metrics, type OperationSummary, writePrometheus } from "../../src/metrics/mod.ts";
import { observeOperations } from "./observe_operations.ts";

/** A sample of the Prometheus text format. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[\d.e+-]+)$/;

/**
 * Parses the Prometheus text format; throws if the text is invalid.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 */
function parseSamples(text: string): Sample[] {
  assert.ok(text.endsWith("\n"));
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const [, name = "", type = ""] = /^# TYPE (\w+) (counter|histogram)$/.exec(line) ?? [];
    if (name !== "") {
      assert.equal(types.has(name), false, `${name} is described twice`);
      types.set(name, type);
    } else if (line !== "" && !line.startsWith("# HELP ")) samples.push(parseSample(line, types));
  }
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, labels]));
  assert.equal(new Set(keys).size, keys.length, "A sample is written twice");
  return samples;
}

function parseSample(line: string, types: ReadonlyMap<string, string>): Sample {
  const [, name = "", labelText = "", value = ""] = SAMPLE.exec(line) ?? [];
  const family = name.replace(/_(bucket|sum|count)$/, "");
  assert.ok(types.get(name) === "counter" || types.get(family) === "histogram", line);
  const labels = [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, quoted]) => {
    return [label, JSON.parse(`"${quoted}"`)];
  });
  return { name, labels: Object.fromEntries(labels), value: Number(value) };
}

Deno.test("[metrics.prometheus] the text is valid and agrees with the summary", () => {
  const metrics = new Metrics();
  const nameWithQuotes = 'a "quoted\\\nname}';
  observeOperations(
    metrics,
    { agent: "a", server: "files", tool: "read", latencyMs: 12.5 },
    { agent: "a", server: "files", tool: "read", latencyMs: 80, code: "TIMEOUT" },
    { agent: "a", server: "files", tool: "read", isToolError: true },
    { agent: nameWithQuotes, server: nameWithQuotes, tool: nameWithQuotes, latencyMs: 0.25 },
    { operation: "list_servers", agent: "a", latencyMs: 3 },
  );
  const samples = parseSamples(writePrometheus(metrics));
  const summary = metrics.summary();
  let sampleCount = 0;
  for (
    const [label, summaries] of [
      ["operation", summary.operations],
      ["agent", summary.agents],
      ["server", summary.servers],
      ["tool", summary.tools],
    ] as const
  ) {
    for (const [name, operationSummary] of Object.entries(summaries)) {
      const samplesOfName = samples.filter(({ labels }) => labels[label] === name);
      assertSamples(samplesOfName, `mcp_gateway_${label}`, operationSummary);
      sampleCount += samplesOfName.length;
    }
  }
  assert.equal(sampleCount, samples.length, "A sample is not in the summary");
});

function assertSamples(
  samples: readonly Sample[],
  prefix: string,
  summary: OperationSummary,
): void {
  const samplesOf = (name: string) =>
    samples.filter((sample) => sample.name === `${prefix}_${name}`);
  const requests = samplesOf("requests_total");
  assert.equal(requests.reduce((sum, { value }) => sum + value, 0), summary.count);
  const errors = requests.filter(({ labels }) => labels.code !== "")
    .map(({ labels, value }) => [labels.code, value]);
  assert.deepEqual(Object.fromEntries(errors), summary.errors);
  assert.deepEqual(samplesOf("result_errors_total").map(({ value }) => value), [
    summary.tool_errors,
  ]);
  const [sum] = samplesOf("duration_seconds_sum");
  assert.ok(Math.abs((sum?.value ?? NaN) * 1000 - summary.latency_avg_ms * summary.count) < 0.01);
  assert.deepEqual(samplesOf("duration_seconds_count").map(({ value }) => value), [summary.count]);
}

/** Returns the buckets of an agent: the bound of each, and the number of durations within it. */
function bucketsOf(metrics: Metrics, agent: string): Map<string | undefined, number> {
  const samples = parseSamples(writePrometheus(metrics));
  return new Map(
    samples.filter(({ name, labels }) => name.endsWith("_bucket") && labels.agent === agent)
      .map(({ labels, value }) => [labels.le, value]),
  );
}

Deno.test("[metrics.replicas] each bucket counts the durations up to its bound", () => {
  const metrics = new Metrics();
  // Some latencies, such as 5 ms, are the bound of a bucket.
  const latencies = [0, 1, 2, 5, 50, 400, 1000, 61_000, 1_200_000];
  for (const latencyMs of latencies) observeOperations(metrics, { agent: "a", latencyMs });
  const buckets = bucketsOf(metrics, "a");
  for (const [le = "", count] of buckets) {
    const bound = le === "+Inf" ? Infinity : Number(le);
    assert.equal(count, latencies.filter((ms) => ms / 1000 <= bound).length, le);
  }
  assert.deepEqual([...buckets.keys()].at(-1), "+Inf");
});

Deno.test("[metrics.replicas] the buckets of two replicas add up to those of one gateway with all operations", () => {
  const [replicaOne, replicaTwo, combined] = [new Metrics(), new Metrics(), new Metrics()];
  for (let index = 0; index < 2000; index++) {
    const latencyMs = 1.01 ** index % 400_000;
    observeOperations(index % 3 === 0 ? replicaOne : replicaTwo, { agent: "a", latencyMs });
    observeOperations(combined, { agent: "a", latencyMs });
  }
  const [bucketsOne, bucketsTwo] = [bucketsOf(replicaOne, "a"), bucketsOf(replicaTwo, "a")];
  const sums = [...bucketsOne].map(([le, count]) => [le, count + (bucketsTwo.get(le) ?? NaN)]);
  assert.deepEqual(new Map(sums as [string, number][]), bucketsOf(combined, "a"));
});

Deno.test("[metrics.prometheus] writing the text twice gives the same text", () => {
  const metrics = new Metrics();
  observeOperations(metrics, { agent: "a" });
  const text = writePrometheus(metrics);
  assert.equal(writePrometheus(metrics), text);
  assert.notEqual(text, writePrometheus(new Metrics()));
});

Deno.test("[interaction.metrics] operations that wait for their clients are a gauge, and their ends a counter, once there are any", () => {
  const metrics = new Metrics();
  assert.doesNotMatch(writePrometheus(metrics), /parked/);
  for (let count = 0; count < 3; count++) metrics.parked.begin();
  metrics.parked.end("answered");
  metrics.parked.end("expired");
  const text = writePrometheus(metrics);
  assert.match(
    text,
    /^# TYPE mcp_gateway_parked_operations gauge\nmcp_gateway_parked_operations 1$/m,
  );
  assert.match(text, /^mcp_gateway_parked_endings_total\{ending="answered"\} 1$/m);
  assert.match(text, /^mcp_gateway_parked_endings_total\{ending="expired"\} 1$/m);
});
