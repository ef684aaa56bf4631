import type { CommandLine } from "../processes/mod.ts";
import { MAX_HEAP_MIB, WATCH_MEMORY_FLAG } from "../code_sandbox.ts";
import { SANDBOX_COMMAND } from "../hidden_commands.ts";

/** The running program. */
export interface SandboxProgram {
  /** Whether it is a compiled executable. */
  readonly standalone: boolean;
  /** Path of the executable, or of Deno. */
  readonly execPath: string;
  /** Address of the main file. */
  readonly main: string;
}

/** The command that runs code, and its environment. */
export interface SandboxCommand extends CommandLine {
  /** The whole environment. */
  readonly env: Record<string, string>;
  /** Whether the program is known to exist. Default: no. */
  readonly exists?: boolean;
  /** Whether the process watches its own memory, because the gateway cannot. Default: no. */
  readonly watchesMemory?: boolean;
}

/** Variables that Deno needs to find the packages and the compiled code that it has kept. */
const DENO_VARIABLES = ["DENO_DIR", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE"];

/** Variables without which Windows starts no program. */
const SYSTEM_VARIABLES = ["SYSTEMROOT", "SystemRoot"];

/**
 * Sets limits that no permission of Deno's sets, and then becomes the program: no file can grow, so that nothing
 * outlives the process even if Deno wrote it for itself; no memory is written to disk after a crash; and other work
 * of the machine goes first.
 */
const LIMITING_SHELL = `ulimit -f 0; ulimit -c 0; trap '' XFSZ; exec nice -n 10 "$@"`;

/**
 * Returns the command of the process in which code runs: this program with the hidden command.
 *
 * @param program The running program.
 * @param options Reads a variable of the environment; whether to limit the process by a shell; whether it has to
 * watch its own memory.
 */
export function sandboxCommand(
  program: SandboxProgram,
  options: {
    readonly readVariable: (name: string) => string | undefined;
    readonly usesShell: boolean;
    readonly watchesMemory: boolean;
  },
): SandboxCommand {
  const { readVariable, usesShell, watchesMemory } = options;
  const words = [...programWords(program), ...(watchesMemory ? [WATCH_MEMORY_FLAG] : [])];
  const names = program.standalone ? SYSTEM_VARIABLES : [...SYSTEM_VARIABLES, ...DENO_VARIABLES];
  const variables = names.flatMap((name) => {
    const value = readVariable(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const [file = "", ...args] = usesShell ? ["sh", "-c", LIMITING_SHELL, "sh", ...words] : words;
  return {
    file,
    args,
    raw: false,
    exists: true,
    watchesMemory,
    env: { ...Object.fromEntries(variables), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  };
}

function programWords({ standalone, execPath, main }: SandboxProgram): string[] {
  if (standalone) return [execPath, SANDBOX_COMMAND];
  const flags = ["--quiet", "--no-prompt", "--no-remote", "--cached-only"];
  // The source finds its packages by `deno.json` and the lock file; a bundle has none.
  const packages = main.endsWith(".ts") ? [] : ["--no-npm", "--no-config", "--no-lock"];
  const heap = `--v8-flags=--max-old-space-size=${MAX_HEAP_MIB}`;
  return [execPath, "run", ...flags, ...packages, heap, main, SANDBOX_COMMAND];
}
