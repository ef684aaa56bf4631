import assert from "node:assert/strict";
import { Metrics, type OperationSummary, writePrometheus } from "../../src/metrics/mod.ts";
import { observeOperations } from "./observe_operations.ts";

/** A sample of the text format. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[\d.e+-]+)$/;

/**
 * Parses the text format; throws if it is invalid.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 */
function parse(text: string): Sample[] {
  assert.ok(text.endsWith("\n"));
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const [, name = "", type = ""] = /^# TYPE (\w+) (counter|histogram)$/.exec(line) ?? [];
    if (name !== "") {
      assert.equal(types.has(name), false, `${name} is described once`);
      types.set(name, type);
    } else if (line !== "" && !line.startsWith("# HELP ")) samples.push(parseSample(line, types));
  }
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, labels]));
  assert.equal(new Set(keys).size, keys.length, "no sample comes twice");
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
  const odd = 'a "quoted\\\nname}';
  observeOperations(
    metrics,
    { agent: "a", server: "files", tool: "read", latencyMs: 12.5 },
    { agent: "a", server: "files", tool: "read", latencyMs: 80, code: "TIMEOUT" },
    { agent: "a", server: "files", tool: "read", isToolError: true },
    { agent: odd, server: odd, tool: odd, latencyMs: 0.25 },
    { operation: "list_servers", agent: "a", latencyMs: 3 },
  );
  const samples = parse(writePrometheus(metrics));
  const summary = metrics.summary();
  let seen = 0;
  for (
    const [label, figures] of [
      ["operation", summary.operations],
      ["agent", summary.agents],
      ["server", summary.servers],
      ["tool", summary.tools],
    ] as const
  ) {
    for (const [name, summary] of Object.entries(figures)) {
      const own = samples.filter(({ labels }) => labels[label] === name);
      compare(own, `mcp_gateway_${label}`, summary);
      seen += own.length;
    }
  }
  assert.equal(seen, samples.length, "no sample is about anything else");
});

function compare(samples: readonly Sample[], prefix: string, summary: OperationSummary): void {
  const of = (name: string) => samples.filter((sample) => sample.name === `${prefix}_${name}`);
  const requests = of("requests_total");
  assert.equal(requests.reduce((sum, { value }) => sum + value, 0), summary.count);
  const errors = requests.filter(({ labels }) => labels.code !== "")
    .map(({ labels, value }) => [labels.code, value]);
  assert.deepEqual(Object.fromEntries(errors), summary.errors);
  assert.deepEqual(of("result_errors_total").map(({ value }) => value), [summary.tool_errors]);
  const [sum] = of("duration_seconds_sum");
  assert.ok(Math.abs((sum?.value ?? NaN) * 1000 - summary.latency_avg_ms * summary.count) < 0.01);
  assert.deepEqual(of("duration_seconds_count").map(({ value }) => value), [summary.count]);
}

/** Returns the buckets of an agent: the bound of each, and the number of durations within it. */
function bucketsOf(metrics: Metrics, agent: string): Map<string | undefined, number> {
  const samples = parse(writePrometheus(metrics));
  return new Map(
    samples.filter(({ name, labels }) => name.endsWith("_bucket") && labels.agent === agent)
      .map(({ labels, value }) => [labels.le, value]),
  );
}

Deno.test("[metrics.replicas] buckets count the durations within their bounds, and never decrease", () => {
  const metrics = new Metrics();
  // A duration equal to a bound is within it; no duration is too long for the last bucket.
  const latencies = [0, 1, 2, 5, 50, 400, 1000, 61_000, 1_200_000];
  for (const latencyMs of latencies) observeOperations(metrics, { agent: "a", latencyMs });
  const buckets = bucketsOf(metrics, "a");
  for (const [le = "", count] of buckets) {
    const bound = le === "+Inf" ? Infinity : Number(le);
    assert.equal(count, latencies.filter((ms) => ms / 1000 <= bound).length, le);
  }
  assert.deepEqual([...buckets.keys()].at(-1), "+Inf");
});

Deno.test("[metrics.replicas] the buckets of two replicas add up to those of one with all operations", () => {
  const [one, two, both] = [new Metrics(), new Metrics(), new Metrics()];
  for (let index = 0; index < 2000; index++) {
    const latencyMs = 1.01 ** index % 400_000;
    observeOperations(index % 3 === 0 ? one : two, { agent: "a", latencyMs });
    observeOperations(both, { agent: "a", latencyMs });
  }
  const [ofOne, ofTwo] = [bucketsOf(one, "a"), bucketsOf(two, "a")];
  const sums = [...ofOne].map(([le, count]) => [le, count + (ofTwo.get(le) ?? NaN)]);
  assert.deepEqual(new Map(sums as [string, number][]), bucketsOf(both, "a"));
});

Deno.test("[metrics.prometheus] writing the text twice does not count anything twice", () => {
  const metrics = new Metrics();
  observeOperations(metrics, { agent: "a" });
  const first = writePrometheus(metrics);
  assert.equal(writePrometheus(metrics), first);
  assert.notEqual(first, writePrometheus(new Metrics()));
});
