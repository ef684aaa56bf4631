import { DAEMON_COMMAND } from "../hidden_commands.ts";
import { programModule } from "../program_files.ts";

/** The permissions of a daemon, which are those of the gateway. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-net",
  "--allow-run",
  "--allow-sys=uid",
];

/** Starts a program in the background, so that it is not a descendant of the client: clients may end all descendants. */
const DETACHING_SCRIPT = `"$@" </dev/null &`;

/** Returns the words that start this program, before its arguments. */
export function programWords(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = programModule();
  // The source finds its packages by `deno.json` and the lock file; a bundle has none.
  const flags = main.endsWith(".ts")
    ? ["--quiet"]
    : ["--quiet", "--no-config", "--no-lock", "--node-modules-dir=none"];
  return [Deno.execPath(), "run", ...flags, ...PERMISSIONS, main];
}

/** Whether this process has all permissions of a daemon: a client must not get more than it was given. */
export function hasDaemonPermissions(): boolean {
  const names = ["read", "write", "env", "net", "run"] as const;
  return names.every((name) => {
    const { state, partial } = Deno.permissions.querySync({ name });
    return state === "granted" && !partial;
  });
}

/** The environment and the working folder of a daemon, and its key. */
export interface DaemonCommandOptions {
  readonly key: string;
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

/** Starts a daemon, which does not belong to this process. */
export function spawnDaemon({ key, env, folder }: DaemonCommandOptions): Deno.ChildProcess {
  const words = [...programWords(), DAEMON_COMMAND, key];
  const usesShell = Deno.build.os !== "windows";
  const [file = "", ...args] = usesShell
    ? ["/bin/sh", "-c", DETACHING_SCRIPT, "sh", ...words]
    : words;
  return new Deno.Command(file, {
    args,
    env: {
      ...env,
      DENO_NO_UPDATE_CHECK: "1",
      // Deno then reads its sockets after each step of work, so that one client's work does not delay the others.
      DENO_TOKIO_EVENT_INTERVAL: "1",
      // The heap grows to twice what is in use before garbage is collected, and not to four times.
      DENO_V8_FLAGS: "--heap-growing-percent=100",
    },
    clearEnv: true,
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
}
