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
  { name: "test", run: runTests },
];

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

async function runTests(): Promise<Count> {
  // Types have been checked by then. The long suites in tests/soak have a task of their own.
  // With a path on the command line, --ignore would do nothing.
  const args = ["test", "--no-check", ...permissionFlags("soak")];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, "--ignore=tests/soak"],
    env: childEnvironment(),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();

  let tail = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    writeAll(chunk);
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-TAIL_CHARS);
  }
  return readTestSummary(tail, (await child.status).success);
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
  const quiet = { DENO_NO_UPDATE_CHECK: "1" };
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
  Deno.exit(passed ? 0 : 1);
}
