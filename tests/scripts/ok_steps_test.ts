import assert from "node:assert/strict";
import { readFailures, readTestSummary, runSteps, type Step } from "../../scripts/ok_steps.ts";

/** Runs steps of 0.1 s each, and returns the printed lines. */
async function recordSteps(steps: Step[]): Promise<{ passed: boolean; lines: string[] }> {
  const lines: string[] = [];
  let time = 0;
  const passed = await runSteps(steps, {
    print: (line) => lines.push(line),
    now: () => time += 100,
  });
  return { passed, lines };
}

Deno.test("steps run in order and print their names and times, and the counts are printed last", async () => {
  assert.deepEqual(
    await recordSteps([
      { name: "fmt", run: () => Promise.resolve(true) },
      { name: "test", run: () => Promise.resolve({ passed: 7, failed: 0 }) },
    ]),
    {
      passed: true,
      lines: ["== fmt", "== fmt: ok, 0.1 s", "== test", "== test: ok, 0.1 s", "7 passed, 0 failed"],
    },
  );
});

Deno.test("the first step that fails is the last one that runs", async () => {
  assert.deepEqual(
    await recordSteps([
      { name: "lint", run: () => Promise.resolve(false) },
      { name: "test", run: () => Promise.reject(new Error("must not run")) },
    ]),
    { passed: false, lines: ["== lint", "== lint: FAILED, 0.1 s", "0 passed, 1 failed"] },
  );
});

Deno.test("a step that throws has failed, and its error is printed", async () => {
  assert.deepEqual(
    await recordSteps([{ name: "servers", run: () => Promise.reject(new Error("no npm")) }]),
    {
      passed: false,
      lines: ["== servers", "no npm", "== servers: FAILED, 0.1 s", "0 passed, 1 failed"],
    },
  );
});

Deno.test("failed tests fail the run", async () => {
  const { passed, lines } = await recordSteps([
    { name: "test", run: () => Promise.resolve({ passed: 7, failed: 2 }) },
  ]);
  assert.equal(passed, false);
  assert.equal(lines.at(-1), "7 passed, 2 failed");
});

Deno.test("a run without a test has failed", async () => {
  const { passed, lines } = await recordSteps([
    { name: "test", run: () => Promise.resolve({ passed: 0, failed: 0 }) },
  ]);
  assert.equal(passed, false);
  assert.equal(lines.at(-1), "0 passed, 1 failed");
});

const SUMMARIES: readonly (readonly [text: string, passed: number, failed: number])[] = [
  ["ok | 1 passed | 0 failed (6ms)\n", 1, 0],
  ["ok | 12 passed (2 steps) | 0 failed | 1 ignored | 3 filtered out (1m2s)\n", 12, 0],
  ["FAILED | 3 passed (1 step) | 2 failed (1 step) | 1 ignored (91ms)\n", 3, 2],
  ["\u001b[0m\u001b[32mok\u001b[0m | 5 passed | 0 failed \u001b[90m(70ms)\u001b[0m\n", 5, 0],
  // A test printed a similar line; only the last summary counts.
  ["ok | 99 passed | 0 failed (1ms)\nFAILED | 1 passed | 1 failed (2ms)\n", 1, 1],
];

for (const [text, passed, failed] of SUMMARIES) {
  Deno.test(`the summary is parsed: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(readTestSummary(text, failed === 0), { passed, failed });
  });
}

Deno.test("a missing summary is a failure with any exit code", () => {
  for (const success of [true, false]) {
    assert.deepEqual(readTestSummary("I saw ok | 1 passed | 0 failed\n", success), {
      passed: 0,
      failed: 1,
    });
  }
});

Deno.test("an exit code other than 0 is a failure with any summary", () => {
  assert.deepEqual(readTestSummary("ok | 2 passed | 0 failed | 1 filtered out (9ms)\n", false), {
    passed: 2,
    failed: 1,
  });
});

/** The end of the output of a failed run, as `deno test` prints it. A test printed a similar heading. */
const FAILED_RUN = `two ...
 ERRORS \n
two => ./tests/a_test.ts:1:1
two ... \u001b[31mFAILED\u001b[0m (1ms)

\u001b[1m\u001b[41m ERRORS \u001b[0m

one \u001b[90m=> ./tests/a_test.ts:2:6\u001b[0m
\u001b[31merror\u001b[0m: Leaks detected:
  - A timer was started
${"    at line\n".repeat(20)}
two ... step => ./tests/a_test.ts:3:6
error: AssertionError: no

./tests/a_test.ts (uncaught error)
error: Error: late

\u001b[1m\u001b[41m FAILURES \u001b[0m

one => ./tests/a_test.ts:2:6

FAILED | 1 passed | 3 failed (33ms)

error: Test failed
`;

Deno.test("each failed test is read with the beginning of its error", () => {
  assert.deepEqual(readFailures(FAILED_RUN).split("\n"), [
    "one => ./tests/a_test.ts:2:6",
    "error: Leaks detected:",
    "  - A timer was started",
    ...Array(7).fill("    at line"),
    "two ... step => ./tests/a_test.ts:3:6",
    "error: AssertionError: no",
    "",
    "./tests/a_test.ts (uncaught error)",
    "error: Error: late",
  ]);
});

Deno.test("the end of the output is read if a run failed without a list of errors", () => {
  const output = `${
    "x ... ok\n".repeat(20)
  }ok | 20 passed | 0 failed (6ms)\n\nerror: only was used\n`;
  const lines = readFailures(output).split("\n");
  assert.equal(lines.length, 10);
  assert.deepEqual(lines.slice(-3), [
    "ok | 20 passed | 0 failed (6ms)",
    "",
    "error: only was used",
  ]);
});
