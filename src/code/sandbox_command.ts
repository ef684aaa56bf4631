import type { CommandLine } from "../processes/mod.ts";
import { MAX_HEAP_MIB, WATCH_MEMORY_FLAG } from "../code_sandbox.ts";
import { SANDBOX_COMMAND } from "../hidden_commands.ts";

/** The running program. */
export interface SandboxProgram {
  /** Whether it is a compiled executable. */
  readonly standalone: boolean;
  /** Path of the executable, or of Deno. */
  readonly execPath: string;
  /** Address of the file that the process runs. */
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

/** Variables by which Deno finds its cache of packages and compiled code. */
const DENO_VARIABLES = ["DENO_DIR", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE"];

/** Variables that programs need to start on Windows. */
const SYSTEM_VARIABLES = ["SYSTEMROOT", "SystemRoot"];

/**
 * Sets limits for which Deno has no permission, and then becomes the program. No file can grow, so nothing that Deno
 * writes for itself outlives the process; no memory is written to disk after a crash; and other processes get the
 * processor first.
 */
const LIMITING_SCRIPT = `ulimit -f 0; ulimit -c 0; trap '' XFSZ; exec nice -n 10 "$@"`;

/**
 * Returns the command of the process in which code runs: this program with the hidden command.
 *
 * @param program The running program.
 * @param options `readVariable` reads a variable of the environment. `usesShell`: a shell limits the process.
 * `watchesMemory`: the process watches its own memory.
 */
export function createSandboxCommand(
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
  const [file = "", ...args] = usesShell ? ["sh", "-c", LIMITING_SCRIPT, "sh", ...words] : words;
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
  // Deno could not write compiled code into its cache, and would spend milliseconds on trying.
  const flags = ["--quiet", "--no-prompt", "--no-remote", "--cached-only", "--no-code-cache"];
  // The source finds its packages by `deno.json` and the lock file; a bundle has none.
  const packages = main.endsWith(".ts") ? [] : ["--no-npm", "--no-config", "--no-lock"];
  const heap = `--v8-flags=--max-old-space-size=${MAX_HEAP_MIB}`;
  return [execPath, "run", ...flags, ...packages, heap, main, SANDBOX_COMMAND];
}
