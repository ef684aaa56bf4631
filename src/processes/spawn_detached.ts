import { isFile } from "../file_identity.ts";

/** The command line of a process. */
export interface CommandLine {
  /** The program. */
  readonly file: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Whether the arguments are quoted already, and must be passed on unchanged. */
  readonly raw: boolean;
}

/** The program that creates a session and then replaces itself by another program. */
const SETSID = "/usr/bin/setsid";

/** The commands that have been started, each with the folder and PATH that determine its file. */
const startedCommands = new Set<string>();

let isSetsidUsable: boolean | undefined;

/** Options of starting a program. */
export interface SpawnOptions {
  /** The whole environment of the program. */
  readonly env: Record<string, string>;
  /** Its working folder; default: that of this process. */
  readonly cwd: string | undefined;
  /** Whether the program is known to exist, as a shell is. Default: only if it has been started before. */
  readonly exists?: boolean;
}

/**
 * Starts a program with pipes, in a process group of its own; not on Windows, where that would open a console window.
 *
 * On Linux, a program that is known to exist or has been started before is started by `setsid`: Deno's `detached`
 * copies the page tables of this process, which takes 70 ms at 600 MB of memory instead of 0.5. The first start reports
 * why a program cannot be started, which `setsid` does not.
 */
export function spawnDetached(
  { file, args, raw }: CommandLine,
  { env, cwd, exists = false }: SpawnOptions,
): Deno.ChildProcess {
  const key = JSON.stringify([file, cwd, env["PATH"]]);
  const usesSetsid = (exists || startedCommands.has(key)) && !file.startsWith("-") &&
    canUseSetsid();
  const child = new Deno.Command(usesSetsid ? SETSID : file, {
    args: usesSetsid ? [file, ...args] : [...args],
    windowsRawArguments: raw,
    env,
    clearEnv: true,
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    detached: Deno.build.os !== "windows" && !usesSetsid,
  }).spawn();
  startedCommands.add(key);
  return child;
}

/**
 * Whether this process may run `setsid`. That requires the permission to run every program, because `setsid` can run
 * every program.
 */
function canUseSetsid(): boolean {
  isSetsidUsable ??= Deno.build.os === "linux" &&
    Deno.permissions.querySync({ name: "run" }).state === "granted" && isFile(SETSID);
  return isSetsidUsable;
}
