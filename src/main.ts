/**
 * The program: runs a command and sets the exit code.
 *
 * @module
 */
import { runCommand } from "./cli/mod.ts";

// A bundle that loads its parts on demand supports neither `await` nor `import.meta` in this file. `exit` does
// not wait for the pipes of child processes that are still running.
void runCommand(Deno.args).then((exitCode) => Deno.exit(exitCode));
