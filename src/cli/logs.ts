import { isFile } from "../file_identity.ts";
import type { DaemonEntry } from "../shared_socket/mod.ts";
import { wait } from "../within.ts";
import {
  defaultFlag,
  defineCommand,
  optional,
  type Output,
  switchFlag,
  wholeNumber,
} from "./command.ts";
import { DaemonLogLines } from "./daemon_log_lines.ts";
import {
  DAEMON_ARGUMENT,
  findDaemon,
  listDaemons,
  shortDaemonId,
  writeProblems,
} from "./daemons.ts";
import { CommandError, UsageError } from "./error_report.ts";
import { escapeForTerminal, styleOf } from "./terminal.ts";
import { formatMinute } from "./times.ts";

/** Interval between checks for new lines, in milliseconds. */
const POLL_MS = 100;

export const command = defineCommand({
  about:
    "Shows the last lines of the log of a shared gateway. Without an id, shows the log of the " +
    "only one that runs or, if none runs, of the last one that ran.",
  example: "agent-mcp-gateway logs --follow",
  flags: {
    follow: switchFlag("Keep printing new lines until Ctrl-C"),
    lines: defaultFlag("How many lines", {
      parse: wholeNumber("a whole number from 1 to 1000000", 1_000_000),
      default: "100",
    }),
  },
  aliases: { n: "lines", f: "follow" },
  args: [optional(DAEMON_ARGUMENT)],
  async run({ flags: { follow, lines }, args: [id], stdout, stderr }) {
    const list = listDaemons();
    writeProblems(list, stderr);
    const { log } = chooseDaemon(id, list.daemons, (note) => stderr.write(`${note}\n`));
    if (!follow && !isFile(log)) throw new CommandError(`There is no log at ${log}`);
    using reader = new DaemonLogLines(log);
    print(reader.read().slice(-lines), stdout);
    while (follow && stdout.isClosed !== true) {
      await wait(POLL_MS);
      print(reader.read(), stdout);
    }
    return 0;
  },
});

/** Maximum number of further logs that are named. */
const MAX_OTHERS = 8;

/**
 * Chooses the daemon with the id that was typed; if none was, the only one that runs, or the last one that ran.
 *
 * @param printNote Prints a note for the person.
 * @throws {UsageError} If several run.
 * @throws {CommandError} If there is none.
 */
function chooseDaemon(
  id: string | undefined,
  daemons: readonly DaemonEntry[],
  printNote: (note: string) => void,
): DaemonEntry {
  if (id !== undefined) return findDaemon(id, daemons);
  const running = daemons.filter(({ hasSocket }) => hasSocket);
  if (running.length > 1) {
    const ids = running.map((candidate) => candidate.id).join(", ");
    throw new UsageError(
      `Name one of the shared gateways, which agent-mcp-gateway ps describes: ${ids}`,
    );
  }
  const daemonsByEnd = daemons.map((daemon) => ({ daemon, end: lastLineTime(daemon) }))
    .sort((one, other) => other.end.getTime() - one.end.getTime());
  const daemon = running[0] ?? daemonsByEnd[0]?.daemon;
  if (daemon === undefined) {
    throw new CommandError(
      "No shared gateway runs or has left a log: the first client that starts with --shared starts one",
    );
  }
  if (running.length === 0) {
    const [last, ...others] = daemonsByEnd.map(({ daemon, end }) =>
      `${shortDaemonId(daemon.id)} until ${formatMinute(end)}`
    );
    const otherLogs = others.slice(0, MAX_OTHERS).join(", ");
    const further = otherLogs === "" ? "" : `; others have left theirs: ${otherLogs}`;
    printNote(`No shared gateway runs. This is the log of the last one, ${last}${further}`);
  }
  return daemon;
}

/** Returns the time of the last line of a daemon's log. */
function lastLineTime({ log }: DaemonEntry): Date {
  try {
    return Deno.statSync(log).mtime ?? new Date(0);
  } catch {
    // Another daemon that starts has removed it.
    return new Date(0);
  }
}

function print(lines: readonly string[], stdout: Output): void {
  const style = styleOf(Deno.stdout);
  for (const line of lines) stdout.write(`${escapeForTerminal(line, style)}\n`);
}
