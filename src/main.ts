/**
 * The program: runs a command and sets the exit code.
 *
 * @module
 */

/** Whether the command line or the environment may ask for a relay, which starts without the rest of the program. */
function mayBeRelay(args: readonly string[]): boolean {
  if (args.includes("--shared")) return true;
  try {
    return Boolean(Deno.env.get("GATEWAY_SHARED"));
  } catch {
    // The variable may not be read; if a command needs it, that says so.
    return false;
  }
}

async function run(args: readonly string[]): Promise<number> {
  if (mayBeRelay(args)) {
    const { runRelay } = await import("./relay/mod.ts");
    const exitCode = await runRelay(args);
    if (exitCode !== undefined) return exitCode;
  }
  const { runCommand } = await import("./cli/mod.ts");
  return await runCommand(args);
}

// A bundle that loads its parts on demand supports neither `await` nor `import.meta` in this file. `exit` does
// not wait for the pipes of child processes that are still running.
void run(Deno.args).then((exitCode) => Deno.exit(exitCode));
