import {
  type Environment,
  MAX_DEPTH,
  readDepth,
  readServeFlags,
  readSettings,
  type SettingFlags,
  type Settings,
} from "../config/startup/mod.ts";
import { ConfigError } from "../errors.ts";
import { standardError } from "../line_queue.ts";
import { createLog } from "../log.ts";
import { SharingError } from "../shared_socket/mod.ts";
import { listenForSignals } from "../signals.ts";
import { standardInput, standardOutput } from "../standard_streams.ts";
import { identifyDaemon } from "./daemon_identity.ts";
import { DaemonStartError, openDaemon } from "./open_daemon.ts";
import { Relay } from "./relay.ts";

/** Time to wait until the last lines of standard error are written, in milliseconds. */
const FLUSH_MS = 200;

/**
 * Runs a relay, if a command line asks for one.
 *
 * @param args The words after the program's name.
 * @returns The exit code; `undefined` if the command line is for something else, or has an error that the command itself
 * reports.
 */
export async function runRelay(args: readonly string[]): Promise<number | undefined> {
  const flags = readServeFlags(args);
  if (flags === undefined) return undefined;
  const settings = readSettingsIfUsable(flags, Deno.env);
  return settings?.shared ? await serveShared(flags, settings) : undefined;
}

function readSettingsIfUsable(flags: SettingFlags, env: Environment): Settings | undefined {
  try {
    return readDepth(env) < MAX_DEPTH ? readSettings(flags, env) : undefined;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/**
 * Serves the client on standard input and output through a daemon.
 *
 * @param flags The flags, as typed.
 * @param settings The settings that the flags and the environment give.
 * @returns The exit code.
 */
export async function serveShared(flags: SettingFlags, settings: Settings): Promise<number> {
  let daemonPid: number | undefined;
  const log = createLog({
    level: settings.logLevel ?? "warn",
    format: settings.logFormat,
    write: (line) => void standardError.add(line),
  });
  const cwd = Deno.cwd();
  const relay = new Relay({
    input: standardInput.getReader(),
    write: standardOutput.getWriter().write,
    open: async () => {
      // The files may have changed since the last connection, and name further variables.
      const identity = await identifyDaemon({ flags, settings, env: Deno.env, cwd });
      const daemon = await openDaemon(identity, settings.agent);
      daemonPid = daemon?.pid;
      if (daemon?.warning !== undefined) log.warn(daemon.warning);
      return daemon;
    },
  });
  const signals = listenForSignals(() => {
    // The daemon reads its files again. Without a connection, its id may be that of another process.
    if (daemonPid !== undefined && relay.isConnected) Deno.kill(daemonPid, "SIGHUP");
  });
  void signals.first.then(() => relay.stop());
  try {
    await relay.run();
    return 0;
  } catch (error) {
    if (error instanceof DaemonStartError) standardError.add(error.message);
    else if (error instanceof SharingError) {
      log.error(`The gateway cannot be shared: ${error.message}`);
    } else throw error;
    await standardError.flush(FLUSH_MS);
    return 1;
  }
}
