/**
 * The program: runs a command and sets the exit code.
 *
 * @module
 */
import { runCommand } from "./cli/mod.ts";

// Neither `await` nor `import.meta` here: a bundle that loads its parts when they are needed has
// neither. A process that ignores its end may hold a pipe of ours open; it must not hold us.
void runCommand(Deno.args).then((exitCode) => Deno.exit(exitCode));
