/**
 * Runs all checks of the clone in the current folder: format, lint, types, documentation, tests. The
 * tasks `ok` and `test` run this program. With the paths of test files or folders as arguments, it runs
 * only these tests.
 *
 * @module
 */

import { readFailures, readTestSummary, runSteps, type Step, type TestCounts } from "./ok_steps.ts";
import { permissionFlags } from "./permissions.ts";
import { type FileReport, joinReports, readTests } from "./test_report.ts";
import { ensureServers } from "./test_servers.ts";
import { checkRequirements } from "./tested_requirements.ts";

const STEPS: readonly Step[] = [
  { name: "fmt", run: () => runDeno("fmt", "--check", "--quiet") },
  { name: "lint", run: () => runDeno("lint", "--quiet") },
  { name: "check", run: checkTypes },
  { name: "doc", run: checkDocumentation },
  { name: "servers", run: () => preparations.servers },
  { name: "shipped", run: () => preparations.forms },
  { name: "test", run: runTests },
  { name: "requirements", run: checkTestedRequirements },
];

/** The folder in which the end-to-end tests find the program in the forms that users get. */
const SHIPPED_FOLDER = Deno.makeTempDirSync({ prefix: "agent-mcp-gateway-" });

/** Whether each thing that the tests need is ready. It is prepared while the types are checked. */
let preparations = { servers: Promise.resolve(true), forms: Promise.resolve(true) };

/** Checks the types while the tests are prepared, because the check uses one processor. */
async function checkTypes(): Promise<boolean> {
  preparations = { servers: installServers(), forms: buildForms() };
  // Without a further step, nothing else waits for the preparations, whose folder is then removed.
  const prepared = Promise.allSettled(Object.values(preparations));
  const passed = await runDeno("check", "--quiet");
  if (!passed) await prepared;
  return passed;
}

async function checkDocumentation(): Promise<boolean> {
  const modules = [...findModules("src")].sort();
  return modules.length === 0 || await runDeno("doc", "--lint", "--quiet", ...modules);
}

function* findModules(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* findModules(path);
    // A file directly in src/ is a module of its own.
    else if (entry.name === "mod.ts" || folder === "src") yield path;
  }
}

async function installServers(): Promise<boolean> {
  await ensureServers();
  return true;
}

/**
 * Builds every form of the program in advance, so that no test waits for a build. Tests report a failed
 * build.
 */
async function buildForms(): Promise<boolean> {
  if (!exists("tests/e2e")) return true;
  const args = ["eval", 'await import("./tests/e2e/every_command.ts")'];
  const child = new Deno.Command(Deno.execPath(), { args, env: childEnvironment(), stdin: "null" });
  return (await child.spawn().status).success;
}

/** Folders whose test files take longest. These run first, so that no long file runs alone at the end. */
const SLOW_FOLDERS = [
  "tests/e2e",
  "tests/conformance",
  "tests/contract",
  "tests/docs",
  "tests/scripts",
];

/** The reports of the test files that ran. */
const reports: FileReport[] = [];

/** Folders that this run skips: long suites, which have their own task, and programs that tests start. */
const SKIPPED_FOLDERS = ["tests/soak", "tests/servers", "tests/fixtures"];

/**
 * Runs every test file in its own process. Two more processes run than there are processors, because many
 * tests wait for other processes. Prints the output of each file as a whole, then the files that took
 * longest, and last the failures again; `dist/tests.xml` has the time of every file and test.
 */
async function runTests(): Promise<TestCounts> {
  const rank = (path: string) => {
    const index = SLOW_FOLDERS.findIndex((folder) => path.startsWith(`${folder}/`));
    return index < 0 ? SLOW_FOLDERS.length : index;
  };
  const files = [...findTests("tests")].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const total = { passed: 0, failed: 0 };
  const failures: string[] = [];
  const runNext = async () => {
    for (let path = files.shift(); path !== undefined; path = files.shift()) {
      const start = performance.now();
      const { xml, passed, failed, output } = await runTestFile(path);
      reports.push({ path, seconds: (performance.now() - start) / 1000, xml });
      total.passed += passed;
      total.failed += failed;
      if (failed > 0) failures.push(`${path} failed:\n${readFailures(output)}\n`);
    }
  };
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency + 2 }, runNext));
  Deno.mkdirSync("dist", { recursive: true });
  Deno.writeTextFileSync("dist/tests.xml", joinReports(reports));
  reports.sort((a, b) => b.seconds - a.seconds);
  for (const { path, seconds } of reports.slice(0, 10)) {
    print(`${seconds.toFixed(1).padStart(6)} s  ${path}`);
  }
  failures.forEach(print);
  return total;
}

/**
 * Checks that every requirement has a test that ran and passed. Prints the ignored tests, whose
 * requirements are not tested on this machine.
 */
async function checkTestedRequirements(): Promise<boolean> {
  if (!exists("tests/requirements.ts")) return true;
  const { requirements, OPTIONAL } = await import(`file://${Deno.cwd()}/tests/requirements.ts`);
  const tests = reports.flatMap(({ xml }) => readTests(xml));
  for (const { name, outcome } of tests) if (outcome === "ignored") print(`NOT RUN: ${name}`);
  const { faults, untested } = checkRequirements(requirements, { tests, optional: OPTIONAL });
  for (const id of untested) print(`NOT TESTED: ${id}, which ${OPTIONAL[id]}`);
  for (const fault of faults) print(fault);
  return faults.length === 0;
}

function* findTests(folder: string): Generator<string> {
  if (SKIPPED_FOLDERS.includes(folder) || !exists(folder)) return;
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* findTests(path);
    else if (path.endsWith("_test.ts")) yield path;
  }
}

async function runTestFile(
  path: string,
): Promise<TestCounts & { readonly xml: string; readonly output: string }> {
  const report = `${SHIPPED_FOLDER}/${path.replaceAll("/", "-")}.xml`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // The types have already been checked.
    args: ["test", "--no-check", ...permissionFlags("soak"), `--junit-path=${report}`, path],
    env: childEnvironment(),
    stdin: "null",
  }).output();
  writeAll(stdout);
  writeAll(stderr);
  const xml = exists(report) ? Deno.readTextFileSync(report) : "";
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  return {
    ...readTestSummary(text, success),
    xml,
    output: `${text}\n${decoder.decode(stderr)}`,
  };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function runDeno(...args: string[]): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    env: childEnvironment(),
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return (await child.status).success;
}

function childEnvironment(): Record<string, string> {
  const env = { DENO_NO_UPDATE_CHECK: "1", GATEWAY_SHIPPED: SHIPPED_FOLDER };
  // The tests print to a pipe, but their output is then shown in the terminal, in color.
  return Deno.stdout.isTerminal() ? { ...env, FORCE_COLOR: "1" } : env;
}

function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

function print(line: string): void {
  writeAll(new TextEncoder().encode(`${line}\n`));
}

/** Runs test files or folders with the permissions of all tests. */
async function runSelectedTests(paths: readonly string[]): Promise<boolean> {
  await ensureServers();
  return await runDeno("test", "--no-check", ...permissionFlags("soak"), ...paths);
}

if (import.meta.main && Deno.args.length > 0) {
  const passed = await runSelectedTests(Deno.args);
  Deno.removeSync(SHIPPED_FOLDER, { recursive: true });
  Deno.exit(passed ? 0 : 1);
} else if (import.meta.main) {
  const passed = await runSteps(STEPS, { print, now: () => performance.now() });
  Deno.removeSync(SHIPPED_FOLDER, { recursive: true });
  Deno.exit(passed ? 0 : 1);
}
