import assert from "node:assert/strict";
import fc from "fast-check";
import { OperationStats } from "../../src/metrics/mod.ts";

/** Returns the summary of statistics after these latencies. */
function summarize(...latencies: number[]): OperationStats {
  const stats = new OperationStats();
  for (const latency of latencies) stats.add(latency, "");
  return stats;
}

Deno.test("[metrics.percentiles] average, median, 95 % and 99 % of known latencies, to 1 %", () => {
  const latencies = Array.from({ length: 1000 }, (_, index) => index + 1);
  const summary = summarize(...latencies).summary();
  assert.equal(summary.count, 1000);
  assert.equal(summary.latency_avg_ms, 500.5);
  for (
    const [figure, exact] of [
      [summary.latency_p50_ms, 500],
      [summary.latency_p95_ms, 950],
      [summary.latency_p99_ms, 990],
    ] as const
  ) {
    assert.ok(Math.abs(figure - exact) <= exact * 0.01, `${figure} for ${exact}`);
  }
});

Deno.test("[metrics.percentiles] any latencies: within 1 % of the exact percentile", () => {
  const latency = fc.double({ min: 0.001, max: 1_000_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 200 }), (latencies) => {
      const stats = summarize(...latencies);
      const sorted = latencies.toSorted((one, two) => one - two);
      for (const percent of [50, 95, 99]) {
        const exact = sorted[Math.ceil(sorted.length * percent / 100) - 1] ?? NaN;
        const figure = stats.percentileMs(percent);
        // Exact to a microsecond or 1 %.
        const most = exact * 0.01 + 0.001;
        assert.ok(Math.abs(figure - exact) <= most, `p${percent}: ${figure} for ${exact}`);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("[metrics.percentiles] impossible latencies do no harm", () => {
  for (const latency of [0, -1, 1e-9, 1e12]) {
    const { count, latency_p99_ms } = summarize(latency).summary();
    assert.equal(count, 1);
    assert.ok(latency_p99_ms >= 0 && latency_p99_ms < 2_200_000, String(latency_p99_ms));
  }
});

Deno.test("[metrics.errors] errors by code, and their share", () => {
  const stats = new OperationStats();
  for (const code of ["", "", "", "TIMEOUT", "TIMEOUT", "-32602", "", ""]) stats.add(1, code);
  const { count, errors, error_rate } = stats.summary();
  assert.equal(count, 8);
  assert.deepEqual(errors, { TIMEOUT: 2, "-32602": 1 });
  assert.equal(error_rate, 0.375);
});

Deno.test("[metrics.errors] without errors the share is 0", () => {
  const { errors, error_rate } = summarize(1).summary();
  assert.deepEqual(errors, {});
  assert.equal(error_rate, 0);
});
