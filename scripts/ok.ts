/**
 * Runs all checks of the clone in the current folder: format, lint, types, documentation, tests. This
 * is the program behind `deno task ok` and `deno task test`. With the paths of test files or folders
 * as arguments, it runs only these tests.
 *
 * @module
 */

import { type Count, readTestSummary, runSteps, type Step } from "./ok_steps.ts";
import { permissionFlags } from "./permissions.ts";
import { ensureServers } from "./test_servers.ts";

const STEPS: readonly Step[] = [
  { name: "fmt", run: () => runDeno("fmt", "--check", "--quiet") },
  { name: "lint", run: () => runDeno("lint", "--quiet") },
  { name: "check", run: () => runDeno("check", "--quiet") },
  { name: "doc", run: checkDocumentation },
  { name: "servers", run: installServers },
  { name: "shipped", run: makeForms },
  { name: "test", run: runTests },
];

/** The folder for the program in the forms that users get, for the end-to-end tests. */
const SHIPPED = Deno.makeTempDirSync({ prefix: "agent-mcp-gateway-" });

async function checkDocumentation(): Promise<boolean> {
  const modules = [...findModules("src")].sort();
  return modules.length === 0 || await runDeno("doc", "--lint", "--quiet", ...modules);
}

function* findModules(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* findModules(path);
    // The files directly in src/ are the leaves, which have no folder and so no mod.ts.
    else if (entry.name === "mod.ts" || folder === "src") yield path;
  }
}

async function installServers(): Promise<boolean> {
  await ensureServers();
  return true;
}

/** Builds the forms in advance, so that no test waits for them. A test reports a failed build. */
async function makeForms(): Promise<boolean> {
  if (!isThere("tests/e2e")) return true;
  const args = ["eval", 'await import("./tests/e2e/every_command.ts")'];
  const child = new Deno.Command(Deno.execPath(), { args, env: childEnvironment(), stdin: "null" });
  return (await child.spawn().status).success;
}

/** Folders whose files take longest; they are started first, so that none is left at the end. */
const SLOW = ["tests/e2e", "tests/conformance", "tests/contract", "tests/docs", "tests/scripts"];

/** The long suites, which have their own task, and the programs that tests run. */
const NOT_HERE = ["tests/soak", "tests/servers", "tests/fixtures"];

/**
 * Runs every test file in its own process. The number of parallel processes is one more than that of
 * processors, because many tests wait for other processes. Prints the output of each file as a whole,
 * and finally the files that took longest.
 */
async function runTests(): Promise<Count> {
  const rank = (path: string) => {
    const index = SLOW.findIndex((folder) => path.startsWith(`${folder}/`));
    return index < 0 ? SLOW.length : index;
  };
  const files = [...findTests("tests")].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const times: { readonly path: string; readonly seconds: number }[] = [];
  const total = { passed: 0, failed: 0 };
  const runNext = async () => {
    for (let path = files.shift(); path !== undefined; path = files.shift()) {
      const start = performance.now();
      const { passed, failed } = await runTestFile(path);
      times.push({ path, seconds: (performance.now() - start) / 1000 });
      total.passed += passed;
      total.failed += failed;
    }
  };
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency + 1 }, runNext));
  times.sort((a, b) => b.seconds - a.seconds);
  for (const { path, seconds } of times.slice(0, 10)) {
    writeAll(new TextEncoder().encode(`${seconds.toFixed(1).padStart(6)} s  ${path}\n`));
  }
  return total;
}

function* findTests(folder: string): Generator<string> {
  if (NOT_HERE.includes(folder) || !isThere(folder)) return;
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* findTests(path);
    else if (path.endsWith("_test.ts")) yield path;
  }
}

async function runTestFile(path: string): Promise<Count> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // The types have already been checked.
    args: ["test", "--no-check", ...permissionFlags("soak"), path],
    env: childEnvironment(),
    stdin: "null",
  }).output();
  writeAll(stdout);
  writeAll(stderr);
  return readTestSummary(new TextDecoder().decode(stdout), success);
}

function isThere(folder: string): boolean {
  try {
    return Deno.statSync(folder).isDirectory;
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
  const quiet = { DENO_NO_UPDATE_CHECK: "1", GATEWAY_SHIPPED: SHIPPED };
  // The tests print to a pipe, but their output goes to the terminal.
  return Deno.stdout.isTerminal() ? { ...quiet, FORCE_COLOR: "1" } : quiet;
}

function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

/** Runs single test files or folders, with the permissions that all tests have. */
async function runOnly(paths: readonly string[]): Promise<boolean> {
  await ensureServers();
  return await runDeno("test", "--no-check", ...permissionFlags("soak"), ...paths);
}

if (import.meta.main && Deno.args.length > 0) {
  const passed = await runOnly(Deno.args);
  Deno.removeSync(SHIPPED, { recursive: true });
  Deno.exit(passed ? 0 : 1);
} else if (import.meta.main) {
  const encoder = new TextEncoder();
  const passed = await runSteps(STEPS, {
    print: (line) => writeAll(encoder.encode(`${line}\n`)),
    now: () => performance.now(),
  });
  Deno.removeSync(SHIPPED, { recursive: true });
  Deno.exit(passed ? 0 : 1);
}
