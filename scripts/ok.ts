/**
 * Everything that must hold before a change is kept, in the folder it is started in: format, lint,
 * types, documentation, tests. What `deno task ok` and `deno task test` run.
 *
 * @module
 */

import { type Count, readTestSummary, runSteps, type Step } from "./ok_steps.ts";
import { permissionFlags } from "./permissions.ts";
import { ensureServers } from "./test_servers.ts";

/** Enough for the summary, which is the last thing that `deno test` writes. */
const TAIL_CHARS = 64 * 1024;

const STEPS: readonly Step[] = [
  { name: "fmt", run: () => runDeno("fmt", "--check", "--quiet") },
  { name: "lint", run: () => runDeno("lint", "--quiet") },
  { name: "check", run: () => runDeno("check", "--quiet") },
  { name: "doc", run: checkDocumentation },
  { name: "servers", run: installServers },
  { name: "shipped", run: makeForms },
  { name: "test", run: runTests },
];

/** Where the program is made in the forms that users get, for the tests of the whole job. */
const SHIPPED = Deno.makeTempDirSync({ prefix: "agent-mcp-gateway-" });

async function checkDocumentation(): Promise<boolean> {
  const modules = [...findModules("src")].sort();
  return modules.length === 0 || await runDeno("doc", "--lint", "--quiet", ...modules);
}

function* findModules(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* findModules(path);
    // What stands in src/ itself are the leaves, which have no folder to be entered.
    else if (entry.name === "mod.ts" || folder === "src") yield path;
  }
}

async function installServers(): Promise<boolean> {
  await ensureServers();
  return true;
}

/** Makes the forms ahead, so that no test waits for them; what cannot be made is said by its test. */
async function makeForms(): Promise<boolean> {
  if (!isThere("tests/e2e")) return true;
  const args = ["eval", 'await import("./tests/e2e/every_command.ts")'];
  const child = new Deno.Command(Deno.execPath(), { args, env: childEnvironment(), stdin: "null" });
  return (await child.spawn().status).success;
}

/** Tests of the whole program, which wait for processes most of the time. */
const WHOLE = ["tests/e2e", "tests/docs"];

/**
 * Runs every test, those of the whole program beside the others: on two cores that saves a third of
 * the time. The long suites in tests/soak have a task of their own.
 */
async function runTests(): Promise<Count> {
  const whole = WHOLE.filter(isThere);
  // With a path on the command line, --ignore would do nothing.
  const others = runTestProcess([`--ignore=${["tests/soak", ...whole].join(",")}`], writeAll);
  if (whole.length === 0) return await others;
  // Told in one piece, when the others have had their say.
  const told: Uint8Array[] = [];
  const counts = await Promise.all([others, runTestProcess(whole, (bytes) => told.push(bytes))]);
  told.forEach(writeAll);
  return {
    passed: counts.reduce((sum, { passed }) => sum + passed, 0),
    failed: counts.reduce((sum, { failed }) => sum + failed, 0),
  };
}

async function runTestProcess(
  which: readonly string[],
  take: (bytes: Uint8Array) => void,
): Promise<Count> {
  const child = new Deno.Command(Deno.execPath(), {
    // Types have been checked by then.
    args: ["test", "--no-check", ...permissionFlags("soak"), ...which],
    env: childEnvironment(),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();

  let tail = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    take(chunk);
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-TAIL_CHARS);
  }
  return readTestSummary(tail, (await child.status).success);
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
  // The pipe in between must not cost the colours.
  return Deno.stdout.isTerminal() ? { ...quiet, FORCE_COLOR: "1" } : quiet;
}

function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

if (import.meta.main) {
  const encoder = new TextEncoder();
  const passed = await runSteps(STEPS, {
    print: (line) => writeAll(encoder.encode(`${line}\n`)),
    now: () => performance.now(),
  });
  Deno.removeSync(SHIPPED, { recursive: true });
  Deno.exit(passed ? 0 : 1);
}
