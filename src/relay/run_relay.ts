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
import { identifyDaemon } from "./daemon_identity.ts";
import { DaemonStartError, openDaemon } from "./open_daemon.ts";
import { type ClientStreams, Relay } from "./relay.ts";

/** Size of a read, in bytes. */
const READ_BYTES = 64 * 1024;

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
  const settings = readIfValid(flags, Deno.env);
  return settings?.shared ? await serveShared(flags, settings) : undefined;
}

function readIfValid(flags: SettingFlags, env: Environment): Settings | undefined {
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
  const cwd = Deno.cwd();
  const signals = listenForSignals(() => {
    // The daemon reads its files again. Without a connection, its id may be that of another process.
    if (daemonPid !== undefined && relay.isConnected) Deno.kill(daemonPid, "SIGHUP");
  });
  const relay: Relay = new Relay({
    client: openStandardStreams(signals.ended),
    open: async () => {
      // The files may name other variables than at the last time.
      const identity = await identifyDaemon({ flags, settings, env: Deno.env, cwd });
      const daemon = await openDaemon(identity, settings.agent);
      daemonPid = daemon.pid;
      return daemon;
    },
  });
  try {
    await relay.run();
    return 0;
  } catch (error) {
    if (error instanceof DaemonStartError) standardError.add(error.message);
    else if (error instanceof SharingError) {
      const { logFormat: format } = settings;
      const log = createLog({ format, write: (line) => void standardError.add(line) });
      log.error(`The gateway cannot be shared: ${error.message}`);
    } else throw error;
    await standardError.flush(FLUSH_MS);
    return 1;
  }
}

/** Standard input and output; `stopped` ends the input. */
function openStandardStreams(stopped: Promise<undefined>): ClientStreams {
  const buffer = new Uint8Array(READ_BYTES);
  return {
    async read() {
      const count = await Promise.race([Deno.stdin.read(buffer), stopped]);
      return count === null || count === undefined ? undefined : buffer.subarray(0, count);
    },
    async write(bytes) {
      for (let offset = 0; offset < bytes.length;) {
        offset += await Deno.stdout.write(bytes.subarray(offset));
      }
    },
  };
}

/**
 * Listens for the signals that ask the process to end.
 *
 * @param onHangup Called at SIGHUP.
 */
function listenForSignals(onHangup: () => void): { readonly ended: Promise<undefined> } {
  const windows = Deno.build.os === "windows";
  const { promise: ended, resolve } = Promise.withResolvers<undefined>();
  for (const name of windows ? ["SIGINT", "SIGBREAK"] as const : ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => resolve(undefined));
  }
  if (!windows) Deno.addSignalListener("SIGHUP", onHangup);
  return { ended };
}
