/**
 * The program: runs a command and sets the exit code.
 *
 * @module
 */
import { runCommand } from "./cli/mod.ts";

if (import.meta.main) {
  const exitCode = await runCommand(Deno.args);
  // A process that ignores its end may hold a pipe of ours open; it must not hold us.
  Deno.exit(exitCode);
}
