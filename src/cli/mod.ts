/**
 * The commands, one per file, each loaded only when it runs. Reads the command line, prints, and decides
 * the exit code. Imports `gateway` and all layers below it.
 *
 * @module
 */
import { readServeFlags, type SettingFlags } from "../config/mod.ts";
import { WATCH_MEMORY_FLAG } from "../code_sandbox.ts";
import { standardError, standardOutputLines } from "../line_queue.ts";
import { DAEMON_COMMAND, SANDBOX_COMMAND } from "../hidden_commands.ts";
import { escapeLines } from "../text.ts";

/** Maximum time to wait until the last lines of both outputs are written, in milliseconds. */
const FLUSH_MS = 200;

/**
 * Runs a command line.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 2 if the command line cannot be parsed, otherwise that of the command.
 */
export async function runCommand(args: readonly string[]): Promise<number> {
  if (args[0] === SANDBOX_COMMAND) {
    const { runSandbox } = await import("../code/child/mod.ts");
    return await runSandbox({ watchesMemory: args[1] === WATCH_MEMORY_FLAG });
  }
  const code = await run(args);
  await Promise.all([standardError.flush(FLUSH_MS), standardOutputLines.flush(FLUSH_MS)]);
  return code;
}

async function run(args: readonly string[]): Promise<number> {
  const flags = readServeFlags(args);
  if (flags !== undefined) return await withUnexpectedErrors(() => runServe(flags));
  if (args[0] === DAEMON_COMMAND) {
    const { runDaemon } = await import("./daemon.ts");
    return await withUnexpectedErrors(() => runDaemon(args[1] ?? ""));
  }
  // An MCP client waits for `serve` to start: loading the parser of all commands would take 5 ms.
  return await (await import("./parse_and_run.ts")).parseAndRun(args);
}

async function runServe(flags: SettingFlags): Promise<number> {
  const { serve } = await import("./serve.ts");
  return await serve(flags);
}

async function withUnexpectedErrors(serve: () => Promise<number>): Promise<number> {
  try {
    return await serve();
  } catch (error) {
    const { describeUnexpectedError } = await import("./error_report.ts");
    standardError.add(`${escapeLines(describeUnexpectedError(error))}\n`);
    return 1;
  }
}
