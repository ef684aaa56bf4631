/**
 * The commands, one per file, each loaded only when it runs. Reads the command line, prints, and decides
 * the exit code. Imports `gateway` and all layers below it.
 *
 * @module
 */
import { standardError, standardOutputLines } from "../line_queue.ts";
import { escapeLines } from "../text.ts";
import { readServeFlags } from "./serve_flags.ts";

/** Maximum time to wait until the last lines of both outputs are written, in milliseconds. */
const FLUSH_MS = 200;

/**
 * Runs a command line.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 2 if the command line cannot be parsed, otherwise that of the command.
 */
export async function runCommand(args: readonly string[]): Promise<number> {
  const code = await run(args);
  await Promise.all([standardError.flush(FLUSH_MS), standardOutputLines.flush(FLUSH_MS)]);
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
    const { describeUnexpectedError } = await import("./error_report.ts");
    standardError.add(`${escapeLines(describeUnexpectedError(error))}\n`);
    return 1;
  }
}
