import assert from "node:assert/strict";
import { listBuilds, type MeasuredProgram } from "../../scripts/bench/measured_programs.ts";
import { Figures } from "../../scripts/bench/summary.ts";
import { CALLS, measureTask } from "../../scripts/bench/task_figures.ts";
import { readPage } from "../docs/page.ts";

Deno.test("[docs.figures] a task of 53 calls is done in one run of code by the same rules, with the tokens that the pages name", async () => {
  const [source] = listBuilds() as [MeasuredProgram];
  const figures = new Figures();
  await measureTask([source], 1, figures);
  const tokens = figures.rows(() => undefined)
    .filter(({ figure }) => figure.endsWith("tokens"))
    .map(({ program, summary }) => [program, summary.median] as const);
  const [[first, calls], [, code]] = tokens as [[string, number], [string, number]];
  assert.equal(first, CALLS);
  // Both pages have rounded numbers.
  const performancePage = readPage("docs/performance.md");
  const [, callsText, codeText] =
    /\| tokens +\| +([\d,]+) +\| +([\d,]+) +\|/.exec(performancePage) ??
      [];
  for (const [counted, text = ""] of [[calls, callsText], [code, codeText]] as const) {
    const documented = Number(text.replaceAll(",", ""));
    assert.ok(
      Math.abs(counted / documented - 1) < 0.1,
      `docs/performance.md has ${text} tokens, and ${counted} are counted: deno task bench --only code`,
    );
  }
  const codePage = readPage("docs/code.md").replace(/\s+/g, " ");
  assert.ok(
    codePage.includes(`about ${codeText} tokens`) && codePage.includes(` ${callsText} with`),
  );
});
