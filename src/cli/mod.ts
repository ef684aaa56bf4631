/**
 * The commands, one a file, loaded when they are called. Reads the command line, prints, and decides
 * the exit code. Imports `gateway` and everything below.
 *
 * @module
 */
import { standardError, standardOutputLines } from "../line_queue.ts";
import { readServeFlags } from "./serve_flags.ts";

/** Time for the reader of the log to take its last lines, in milliseconds. */
const LAST_LINES_MS = 200;

/**
 * Runs a command line.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 2 if the command line makes no sense, otherwise that of the command.
 */
export async function runCommand(args: readonly string[]): Promise<number> {
  const code = await run(args);
  await Promise.all([standardError.flush(LAST_LINES_MS), standardOutputLines.flush(LAST_LINES_MS)]);
  return code;
}

async function run(args: readonly string[]): Promise<number> {
  const flags = readServeFlags(args);
  if (flags === undefined) {
    const { runAnyCommand } = await import("./commands.ts");
    return await runAnyCommand(args);
  }
  const { serve } = await import("./serve.ts");
  try {
    return await serve(flags);
  } catch (error) {
    // As the parser prints it, which runs all other commands.
    const text = error instanceof Error ? error.stack ?? String(error) : String(error);
    standardError.add(`Command failed, ${text}\n`);
    return 1;
  }
}
