/** Runs the checks of `ok.ts` one after another, and counts the tests that passed and failed. */

import { stripVTControlCharacters } from "node:util";

/** The number of passed and failed tests. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** One check. */
export interface Step {
  readonly name: string;
  /** Returns whether the check passed; a step that runs tests returns the counts. */
  run(): Promise<boolean | Count>;
}

/** The output and the clock of the steps. */
export interface StepOptions {
  print(line: string): void;
  /** Returns milliseconds of a monotonic clock. */
  now(): number;
}

/**
 * Runs the steps up to the first that fails. The last line it prints is exactly
 * `N passed, N failed`.
 *
 * @returns Whether every step passed and at least one test ran.
 */
export async function runSteps(steps: readonly Step[], options: StepOptions): Promise<boolean> {
  let total: Count = { passed: 0, failed: 0 };
  for (const { name, run } of steps) {
    options.print(`== ${name}`);
    const start = options.now();
    const count = readCount(await tryRun(run, options));
    const seconds = ((options.now() - start) / 1000).toFixed(1);
    options.print(`== ${name}: ${count.failed === 0 ? "ok" : "FAILED"}, ${seconds} s`);
    total = { passed: total.passed + count.passed, failed: total.failed + count.failed };
    if (count.failed > 0) break;
  }
  if (total.passed + total.failed === 0) {
    options.print("no test ran");
    total = { passed: 0, failed: 1 };
  }
  options.print(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

async function tryRun(run: Step["run"], { print }: StepOptions): Promise<boolean | Count> {
  try {
    return await run();
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return false;
  }
}

/** A check without tests counts as one failed test if it fails, and as no test if it passes. */
function readCount(result: boolean | Count): Count {
  return typeof result === "boolean" ? { passed: 0, failed: result ? 0 : 1 } : result;
}

/**
 * Reads the last summary line of `deno test`, such as `ok | 3 passed (2 steps) | 0 failed (9ms)`.
 *
 * @param success Whether `deno test` exited with 0. If not, at least one failure is counted: a test
 * marked `only` fails the run without failing itself.
 * @returns One failure if there is no summary.
 */
export function readTestSummary(output: string, success: boolean): Count {
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
