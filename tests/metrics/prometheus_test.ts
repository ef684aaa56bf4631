import assert from "node:assert/strict";
import { Metrics, type TallySummary, writePrometheus } from "../../src/metrics/mod.ts";
import { observe } from "./figures.ts";

/** A sample of the text format: its metric, its labels, its value. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[\d.e+-]+)$/;

/**
 * Reads the text format, and fails where it is none.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 */
function parse(text: string): Sample[] {
  assert.ok(text.endsWith("\n"));
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const [, name = "", type = ""] = /^# TYPE (\w+) (counter|gauge)$/.exec(line) ?? [];
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
  assert.ok(types.has(name), line);
  const labels = [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, quoted]) => {
    return [label, JSON.parse(`"${quoted}"`)];
  });
  return { name, labels: Object.fromEntries(labels), value: Number(value) };
}

Deno.test("[metrics.prometheus] the text parses and says what the summary says", async () => {
  const metrics = new Metrics();
  const odd = 'a "quoted\\\nname}';
  observe(
    metrics,
    { agent: "a", server: "files", tool: "read", latencyMs: 12.5 },
    { agent: "a", server: "files", tool: "read", latencyMs: 80, code: "TIMEOUT" },
    { agent: odd, server: odd, tool: odd, latencyMs: 0.25 },
    { operation: "list_servers", agent: "a", latencyMs: 3 },
  );
  const samples = parse(await writePrometheus(metrics));
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
    for (const [name, tally] of Object.entries(figures)) {
      const own = samples.filter(({ labels }) => labels[label] === name);
      compare(own, `mcp_gateway_${label}`, tally);
      seen += own.length;
    }
  }
  assert.equal(seen, samples.length, "no sample is about anything else");
});

function compare(samples: readonly Sample[], prefix: string, tally: TallySummary): void {
  const of = (name: string) => samples.filter((sample) => sample.name === `${prefix}_${name}`);
  const requests = of("requests_total");
  assert.equal(requests.reduce((sum, { value }) => sum + value, 0), tally.count);
  const errors = requests.filter(({ labels }) => labels.code !== "")
    .map(({ labels, value }) => [labels.code, value]);
  assert.deepEqual(Object.fromEntries(errors), tally.errors);
  const [sum] = of("latency_seconds_sum");
  assert.ok(Math.abs((sum?.value ?? NaN) * 1000 - tally.latency_avg_ms * tally.count) < 0.01);
  const quantiles = of("latency_seconds").map(({ labels, value }) => [labels.quantile, value]);
  assert.deepEqual(Object.fromEntries(quantiles), {
    "0.5": tally.latency_p50_ms / 1000,
    "0.95": tally.latency_p95_ms / 1000,
    "0.99": tally.latency_p99_ms / 1000,
  });
}

Deno.test("[metrics.prometheus] each text is of its own: figures are not added up twice", async () => {
  const metrics = new Metrics();
  observe(metrics, { agent: "a" });
  const first = await writePrometheus(metrics);
  assert.equal(await writePrometheus(metrics), first);
  assert.notEqual(first, await writePrometheus(new Metrics()));
});
