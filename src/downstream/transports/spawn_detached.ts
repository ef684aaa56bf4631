import type { CommandLine } from "./windows_command.ts";

/** The program that starts another program in a session of its own, and becomes that program. */
const SETSID = "/usr/bin/setsid";

/** The commands that have been started, with what decides which file they are. */
const startedCommands = new Set<string>();

let isSetsidUsable: boolean | undefined;

/** Options of starting a program. */
export interface SpawnOptions {
  /** The whole environment of the program. */
  readonly env: Record<string, string>;
  /** Its working folder; default: that of this process. */
  readonly cwd: string | undefined;
}

/**
 * Starts a program with pipes, in a process group of its own; on Windows, that would open a console window.
 *
 * On Linux, a program that has been started before is started by `setsid`: Deno's `detached` copies the page tables of
 * this process, which takes 70 ms at 600 MB of memory instead of 0.5. The first start reports why a program cannot be
 * started, which `setsid` does not.
 */
export function spawnDetached(
  { file, args, raw }: CommandLine,
  { env, cwd }: SpawnOptions,
): Deno.ChildProcess {
  const key = JSON.stringify([file, cwd, env["PATH"]]);
  const usesSetsid = startedCommands.has(key) && !file.startsWith("-") && canUseSetsid();
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

/** Whether this process may run `setsid`. Permission for single commands must not be extended to it: it runs any program. */
function canUseSetsid(): boolean {
  isSetsidUsable ??= Deno.build.os === "linux" &&
    Deno.permissions.querySync({ name: "run" }).state === "granted" && isFile(SETSID);
  return isSetsidUsable;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
