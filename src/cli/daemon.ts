import { removeIfThere } from "../atomic_file.ts";
import { isFile } from "../file_identity.ts";
import { lockFile, LockTimeout } from "../file_lock.ts";
import { serveDaemon } from "../gateway/daemon/mod.ts";
import { standardError } from "../line_queue.ts";
import { daemonFiles, openPrivateFolder, SharingError } from "../shared_socket/mod.ts";
import { VERSION } from "../version.ts";
import { DaemonLog, removeOldLogs } from "./daemon_log.ts";
import { serve } from "./serve.ts";

/** Matches a line of the log about an error. */
const ERROR_LINE = /^error: |"level":"error"/;

/**
 * Runs a daemon until it has had no client for a while or is asked to end. Prints one line when clients can connect, for
 * the relay that started it. Until then, it also writes errors to standard error, which that relay reads.
 *
 * @param key The daemon key, by which relays find the daemon.
 * @returns The exit code.
 */
export async function runDaemon(key: string): Promise<number> {
  try {
    const folder = openPrivateFolder(Deno.env);
    const { socket, lock, log: logPath } = daemonFiles(folder, key);
    removeOldLogs(folder);
    const daemonLog = new DaemonLog(logPath);
    let isListening = false;
    const onListening = (): void => {
      isListening = true;
      try {
        Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
      } catch {
        // The relay was killed; another one finds the socket.
      }
    };
    const exitCode = await serve({}, {
      write: (line) => {
        daemonLog.add(line);
        if (!isListening && ERROR_LINE.test(line)) standardError.add(line);
      },
      serve: (gateway, { settings, log }) => {
        const lingerMs = settings.lingerS * 1000;
        const version = VERSION;
        return serveDaemon(gateway, { key, socket, logPath, lingerMs, version, onListening, log });
      },
    });
    await removeLockFile(lock);
    return exitCode;
  } catch (error) {
    if (!(error instanceof SharingError)) throw error;
    standardError.add(`error: ${error.message}\n`);
    return 1;
  }
}

/** Removes the lock file, unless a relay that starts another daemon has locked it. */
async function removeLockFile(path: string): Promise<void> {
  if (!isFile(path)) return;
  try {
    using _lock = await lockFile(path, { withinMs: 0, isLockFile: true });
    await removeIfThere(path);
  } catch (error) {
    if (!(error instanceof LockTimeout)) throw error;
  }
}
