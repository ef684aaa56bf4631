/**
 * Compares the requirements with the tests that ran.
 *
 * @module
 */

import type { Requirement } from "../tests/requirements.ts";
import type { ReportedTest } from "./test_report.ts";

/** Returns the ids in brackets at the beginning of a test's name. */
export function readRequirementIds(name: string): string[] {
  const [ids = ""] = /^(\[[a-z]+\.[a-z0-9-]+\] ?)+/.exec(name) ?? [];
  return [...ids.matchAll(/\[([^\]]+)\]/g)].map(([, id = ""]) => id);
}

/**
 * Checks that each requirement has a test that ran and passed, and that each id in a test's name is a
 * requirement.
 *
 * @param optional Ids that may be untested on this machine, with the reason.
 * @returns The faults, one sentence each, and the optional ids without a test that passed.
 */
export function checkRequirements(
  requirements: readonly Requirement[],
  { tests, optional }: {
    readonly tests: readonly ReportedTest[];
    readonly optional: Readonly<Record<string, string>>;
  },
): { readonly faults: readonly string[]; readonly untested: readonly string[] } {
  const findIds = (outcome: ReportedTest["outcome"]): ReadonlySet<string> =>
    new Set(
      tests.filter((test) => test.outcome === outcome).flatMap(({ name }) =>
        readRequirementIds(name)
      ),
    );
  const [passed, failed, ignored] = [findIds("passed"), findIds("failed"), findIds("ignored")];
  const faults: string[] = [];
  const untested: string[] = [];
  for (const { id, issue } of requirements) {
    if (issue !== undefined) {
      if (passed.has(id)) faults.push(`${id} is listed as not kept yet, but a test of it passed`);
    } else if (!passed.has(id)) {
      if (failed.has(id)) faults.push(`${id}: no test passed, and one failed`);
      else if (optional[id] !== undefined) untested.push(id);
      else faults.push(`${id}: ${ignored.has(id) ? "every test was ignored" : "no test ran"}`);
    }
  }
  const listed = new Set(requirements.map(({ id }) => id));
  for (const id of new Set([...passed, ...failed, ...ignored])) {
    if (!listed.has(id)) faults.push(`${id} is in the name of a test, but is no requirement`);
  }
  return { faults, untested };
}
