/**
 * Reads the JUnit reports of test runs.
 *
 * @module
 */

/** A test or step in a report. */
export interface ReportedTest {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "ignored";
}

/** The report of one test file. */
export interface FileReport {
  readonly path: string;
  /** Duration of the whole process, including the start. */
  readonly seconds: number;
  /** The report that `deno test --junit-path` wrote; empty if there is no report. */
  readonly xml: string;
}

/** Lists the tests and steps of the report of one file. */
export function readTests(xml: string): ReportedTest[] {
  const cases = [...xml.matchAll(/<testcase name="([^"]*)"[^>]*>\s*(?:<(\w+))?/g)]
    .map(([, name = "", child]) => ({ name: decodeEntities(name), child }));
  const names = new Set(cases.map(({ name }) => name));
  return cases.map(({ name, child }) => ({
    name: stepName(name, names),
    outcome: child === "skipped" ? "ignored" : child === undefined ? "passed" : "failed",
  }));
}

function decodeEntities(text: string): string {
  const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(\w+);/g, (_, name) => entities[name] ?? "&");
}

/** Removes the name of the test from the name of a step, `TEST > STEP`. Both names may contain ` > `. */
function stepName(name: string, names: ReadonlySet<string>): string {
  for (let at = name.lastIndexOf(" > "); at > 0; at = name.lastIndexOf(" > ", at - 1)) {
    if (names.has(name.slice(0, at))) return name.slice(at + " > ".length);
  }
  return name;
}

/** Joins the reports of all files into one JUnit report, the slowest file first. */
export function joinReports(reports: readonly FileReport[]): string {
  const suites = [...reports].sort((a, b) => b.seconds - a.seconds).map(
    ({ path, seconds, xml }) => {
      const [suite = ""] = /^\s*<testsuite .*<\/testsuite>\n/ms.exec(xml) ?? [];
      const start = `<testsuite name="${path}" time="${seconds.toFixed(3)}"`;
      return suite === "" ? `    ${start} />\n` : suite.replace(/<testsuite name="[^"]*"/, start);
    },
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join("")}</testsuites>\n`;
}
