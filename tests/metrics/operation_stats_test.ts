import assert from "node:assert/strict";
import fc from "fast-check";
import { OperationStats } from "../../src/metrics/mod.ts";

/** Creates statistics of successful operations with these latencies. */
function createStats(...latencies: number[]): OperationStats {
  const stats = new OperationStats();
  for (const latency of latencies) stats.add(latency, "");
  return stats;
}

Deno.test("[metrics.percentiles] the average is exact, and the percentiles are within 1 % of known latencies", () => {
  const latencies = Array.from({ length: 1000 }, (_, index) => index + 1);
  const summary = createStats(...latencies).summary();
  assert.equal(summary.count, 1000);
  assert.equal(summary.latency_avg_ms, 500.5);
  for (
    const [percentileMs, exactMs] of [
      [summary.latency_p50_ms, 500],
      [summary.latency_p95_ms, 950],
      [summary.latency_p99_ms, 990],
    ] as const
  ) {
    assert.ok(Math.abs(percentileMs - exactMs) <= exactMs * 0.01, `${percentileMs} for ${exactMs}`);
  }
});

Deno.test("[metrics.percentiles] percentiles of any latencies are within 1 % of the exact ones", () => {
  const anyLatency = fc.double({ min: 0.001, max: 1_000_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(anyLatency, { minLength: 1, maxLength: 200 }), (latencies) => {
      const stats = createStats(...latencies);
      const sorted = latencies.toSorted((a, b) => a - b);
      for (const percent of [50, 95, 99]) {
        const exactMs = sorted[Math.ceil(sorted.length * percent / 100) - 1] ?? NaN;
        const percentileMs = stats.percentileMs(percent);
        // The statistics round to microseconds.
        const maxErrorMs = exactMs * 0.01 + 0.001;
        assert.ok(
          Math.abs(percentileMs - exactMs) <= maxErrorMs,
          `p${percent}: ${percentileMs} for ${exactMs}`,
        );
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("[metrics.percentiles] latencies that are zero, negative or huge are counted, and their percentiles are in range", () => {
  for (const latency of [0, -1, 1e-9, 1e12]) {
    const { count, latency_p99_ms } = createStats(latency).summary();
    assert.equal(count, 1);
    assert.ok(latency_p99_ms >= 0 && latency_p99_ms < 2_200_000, String(latency_p99_ms));
  }
});

Deno.test("[metrics.errors] errors are counted by code, and the error rate is their share", () => {
  const stats = new OperationStats();
  for (const code of ["", "", "", "TIMEOUT", "TIMEOUT", "-32602", "", ""]) stats.add(1, code);
  const { count, errors, error_rate } = stats.summary();
  assert.equal(count, 8);
  assert.deepEqual(errors, { TIMEOUT: 2, "-32602": 1 });
  assert.equal(error_rate, 0.375);
});

Deno.test("[metrics.errors] without errors the error rate is 0", () => {
  const { errors, error_rate } = createStats(1).summary();
  assert.deepEqual(errors, {});
  assert.equal(error_rate, 0);
});
