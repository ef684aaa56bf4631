/**
 * The program: runs a command and sets the exit code.
 *
 * @module
 */
import { runCommand } from "./cli/mod.ts";

// No `await` and no `import.meta` here: a bundle that loads its parts on demand supports neither. A child
// process that does not end may keep a pipe of ours open; `exit` does not wait for it.
void runCommand(Deno.args).then((exitCode) => Deno.exit(exitCode));
