import { standardError } from "../line_queue.ts";
import { daemonFiles, openPrivateFolder, SharingError } from "../shared_socket/mod.ts";
import { DaemonLog, removeOldLogs } from "./daemon_log.ts";
import { serve } from "./serve.ts";

/**
 * Runs a daemon, until it has had no client for a while or it is asked to end. Prints one line when clients can connect,
 * for the relay that starts it; until then, the log goes to standard error, too, which that relay reads.
 *
 * @param key The daemon key, by which relays find the daemon.
 * @returns The exit code.
 */
export async function runDaemon(key: string): Promise<number> {
  try {
    const folder = openPrivateFolder(Deno.env);
    const { socket, log: logPath } = daemonFiles(folder, key);
    removeOldLogs(folder);
    const log = new DaemonLog(logPath);
    let isListening = false;
    return await serve({}, {
      key,
      socket,
      logPath,
      write: (line) => {
        log.add(line);
        if (!isListening) standardError.add(line);
      },
      onListening: () => {
        isListening = true;
        Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
      },
    });
  } catch (error) {
    if (!(error instanceof SharingError)) throw error;
    standardError.add(`error: ${error.message}\n`);
    return 1;
  }
}
