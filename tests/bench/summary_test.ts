import assert from "node:assert/strict";
import { formatTable } from "../../scripts/bench/report.ts";
import { Figures, summarize } from "../../scripts/bench/summary.ts";

Deno.test("bench: figures are summarized over rounds, with ratios of their medians", () => {
  const figures = new Figures();
  for (const [direct, gateway] of [[2, 9], [1, 6], [3, 6]] as const) {
    figures.addValue("a call", "direct", "ms", direct);
    figures.addValue("a call", "bundle", "ms", gateway);
  }
  figures.addValue("memory", "bundle", "MB", 1234);
  const rows = figures.rows((figure) => figure === "a call" ? "direct" : undefined);
  assert.deepEqual(rows, [
    { figure: "a call", program: "direct", unit: "ms", summary: { min: 1, median: 2, max: 3 } },
    {
      figure: "a call",
      program: "bundle",
      unit: "ms",
      summary: { min: 6, median: 6, max: 9 },
      reference: "direct",
      ratio: 3,
    },
    {
      figure: "memory",
      program: "bundle",
      unit: "MB",
      summary: { min: 1234, median: 1234, max: 1234 },
    },
  ]);
  assert.equal(
    formatTable(rows),
    [
      "| figure | of     | min      | median   | max      | ratio         |",
      "|--------|--------|----------|----------|----------|---------------|",
      "| a call | direct | 1.000 ms | 2.000 ms | 3.000 ms |               |",
      "|        | bundle | 6.000 ms | 6.000 ms | 9.000 ms | 3.00 × direct |",
      "| memory | bundle | 1,234 MB | 1,234 MB | 1,234 MB |               |",
    ].join("\n"),
  );
});

Deno.test("bench: a figure without a value is shown with its remark, and a repeated failure is listed once", () => {
  const figures = new Figures();
  figures.addValue("start", "direct", "ms", 2);
  figures.addValue("memory", "direct", "MB", 2);
  figures.setRemark("start", "slow", "ms", "not answered within 20 s");
  figures.addFailure("slow: why");
  figures.addFailure("slow: why");
  assert.deepEqual(figures.failures, ["slow: why"]);
  assert.equal(
    formatTable(figures.rows(() => "direct")),
    [
      "| figure | of     | min      | median   | max      | ratio | remark                   |",
      "|--------|--------|----------|----------|----------|-------|--------------------------|",
      "| start  | direct | 2.000 ms | 2.000 ms | 2.000 ms |       |                          |",
      "|        | slow   | ? ms     | ? ms     | ? ms     |       | not answered within 20 s |",
      "| memory | direct | 2.000 MB | 2.000 MB | 2.000 MB |       |                          |",
    ].join("\n"),
  );
});

Deno.test("bench: the median of an even number of rounds is the mean of the two in the middle", () => {
  assert.deepEqual(summarize([3, 1]), { min: 1, median: 2, max: 3 });
  assert.deepEqual(summarize([4, 1, 2, 9]), { min: 1, median: 3, max: 9 });
  assert.deepEqual(summarize([5]), { min: 5, median: 5, max: 5 });
});
