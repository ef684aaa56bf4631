import { removeIfThere } from "../atomic_file.ts";
import { lockFile, LockTimeout } from "../file_lock.ts";
import {
  closeConnection,
  connectSocket,
  type DaemonEntry,
  untilClosed,
} from "../shared_socket/mod.ts";
import { within } from "../within.ts";
import { defineCommand, repeated } from "./command.ts";
import { askDaemon, DAEMON_ARGUMENT, findDaemon, listDaemons, writeProblems } from "./daemons.ts";
import { type DaemonReport, reportDaemon } from "./report_daemon.ts";

/** Maximum number of ids. */
const MAX_IDS = 100;

/** Maximum time to wait for the end of a daemon, which takes up to 5 s for its calls and 4 s for its servers. */
const END_MS = 20_000;

export const command = defineCommand({
  about:
    "Ends shared gateways: those named, or all of your user. Calls in progress have 5 seconds to " +
    "be answered. Waits until the gateways and their servers are gone. The next call of a client that still runs " +
    "starts a gateway again. Exit code: 1 if one does not end; its process is named, and not killed.",
  example: "agent-mcp-gateway down",
  args: repeated(DAEMON_ARGUMENT, MAX_IDS),
  async run({ args, stdout, stderr }) {
    const list = listDaemons();
    const runningDaemons = list.daemons.filter(({ hasSocket }) => hasSocket);
    const chosenDaemons = args.length === 0
      ? runningDaemons
      : args.map((id) => findDaemon(id, runningDaemons));
    writeProblems(list, stderr);
    if (chosenDaemons.length === 0) stderr.write("No shared gateway runs\n");
    const results = await Promise.all([...new Set(chosenDaemons)].map(endDaemon));
    for (const { text, isFailure } of results) (isFailure ? stderr : stdout).write(`${text}\n`);
    const isIncomplete = args.length === 0 && list.problems.length > 0;
    return isIncomplete || results.some(({ isFailure }) => isFailure) ? 1 : 0;
  },
});

/** The result of an attempt to end a daemon, as a text for the person. */
interface EndResult {
  readonly text: string;
  readonly isFailure?: boolean;
}

async function endDaemon(files: DaemonEntry): Promise<EndResult> {
  const { id } = files;
  const report = await reportDaemon(files);
  if (report.state === "silent") {
    return { text: `${id} has not ended: ${report.problem}`, isFailure: true };
  }
  const reply = await askDaemon(files, "end");
  switch (reply.state) {
    case "silent":
      return { text: `${id} has not ended: ${reply.problem}`, isFailure: true };
    case "dead":
      return await removeDeadDaemon(files);
    case "running": {
      const { connection, pid } = reply.connection;
      const hasEnded = await within(untilClosed(connection), END_MS);
      closeConnection(connection);
      return hasEnded ? { text: `Ended ${id}, process ${pid}${clientsNote(report)}` } : {
        text: `${id} still runs after ${END_MS / 1000} s. Fix: end its process ${pid}`,
        isFailure: true,
      };
    }
  }
}

/** Warns that clients are still open, because their next call starts a daemon again. */
function clientsNote({ clients }: DaemonReport): string {
  const count = Array.isArray(clients) ? clients.length : 0;
  if (count === 0) return "";
  return count === 1
    ? "; its client is still open, and the next call starts a gateway again"
    : `; its ${count} clients are still open, and the next call of one starts a gateway again`;
}

/** Removes the files that a killed daemon has left, unless a client is just starting it again. */
async function removeDeadDaemon({ id, socket, lock }: DaemonEntry): Promise<EndResult> {
  try {
    using _lock = await lockFile(lock, { withinMs: 0, isLockFile: true });
    const running = await connectSocket(socket);
    if (running === undefined) {
      await removeIfThere(socket);
      await removeIfThere(lock);
      return { text: `Removed the socket of ${id}, whose process was killed before` };
    }
    closeConnection(running.connection);
  } catch (error) {
    if (!(error instanceof LockTimeout)) throw error;
  }
  return { text: `${id} has not ended: a client has just started it again`, isFailure: true };
}
