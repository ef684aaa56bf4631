/** Runs the checks of `ok.ts` one after another, and counts the tests that passed and failed. */

import { stripVTControlCharacters } from "node:util";

/** The number of passed and failed tests. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

/** One check. */
export interface Step {
  readonly name: string;
  /** Returns whether the check passed; a step that runs tests returns the counts. */
  run(): Promise<boolean | TestCounts>;
}

/** The output and the clock of the steps. */
export interface StepOptions {
  print(line: string): void;
  /** Returns milliseconds of a monotonic clock. */
  now(): number;
}

/**
 * Runs the steps up to the first that fails. The last line that this function prints is
 * exactly `N passed, N failed`.
 *
 * @returns Whether every step passed and at least one test ran.
 */
export async function runSteps(steps: readonly Step[], options: StepOptions): Promise<boolean> {
  let total: TestCounts = { passed: 0, failed: 0 };
  for (const { name, run } of steps) {
    options.print(`== ${name}`);
    const start = options.now();
    const counts = toTestCounts(await tryRun(run, options));
    const seconds = ((options.now() - start) / 1000).toFixed(1);
    options.print(`== ${name}: ${counts.failed === 0 ? "ok" : "FAILED"}, ${seconds} s`);
    total = { passed: total.passed + counts.passed, failed: total.failed + counts.failed };
    if (counts.failed > 0) break;
  }
  if (total.passed + total.failed === 0) {
    options.print("no test ran");
    total = { passed: 0, failed: 1 };
  }
  options.print(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

async function tryRun(run: Step["run"], { print }: StepOptions): Promise<boolean | TestCounts> {
  try {
    return await run();
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return false;
  }
}

/** A check without tests counts as one failed test if it fails, and as no test if it passes. */
function toTestCounts(result: boolean | TestCounts): TestCounts {
  return typeof result === "boolean" ? { passed: 0, failed: result ? 0 : 1 } : result;
}

/**
 * Reads the last summary line of `deno test`, such as `ok | 3 passed (2 steps) | 0 failed (9ms)`.
 *
 * @param success Whether `deno test` exited with 0. If not, at least one failure is counted: a test
 * marked `only` fails the run without failing itself.
 * @returns The counts in the summary line; one failure if there is no summary line.
 */
export function readTestSummary(output: string, success: boolean): TestCounts {
  const summaries = [
    ...stripVTControlCharacters(output).matchAll(
      /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed\b/gm,
    ),
  ];
  const last = summaries.at(-1);
  if (last === undefined) return { passed: 0, failed: 1 };
  const failed = Number(last[2]);
  return { passed: Number(last[1]), failed: success ? failed : Math.max(1, failed) };
}

/** Maximum number of lines that are repeated for each failed test. */
const MAX_FAILURE_LINES = 10;

/**
 * Reads the failed tests from the output of a `deno test` that failed.
 *
 * @returns The name, file and beginning of the error of each failed test; the end of the output if
 * `deno test` listed no error, as after a crash.
 */
export function readFailures(output: string): string {
  const lines = stripVTControlCharacters(output).trimEnd().split("\n");
  const [start, end] = [lines.lastIndexOf(" ERRORS "), lines.lastIndexOf(" FAILURES ")];
  if (start < 0 || end < start) return lines.slice(-MAX_FAILURE_LINES).join("\n");
  let count = 0;
  return lines.slice(start + 1, end).filter((line) => {
    if (/ => \.\/\S+:\d+:\d+$|^\.\/\S+ \(uncaught error\)$/.test(line)) count = 0;
    return count++ < MAX_FAILURE_LINES;
  }).join("\n").trim();
}
