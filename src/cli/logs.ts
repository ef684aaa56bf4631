import { isFile } from "../file_identity.ts";
import type { FoundFiles } from "../shared_socket/mod.ts";
import {
  defaultFlag,
  defineCommand,
  optional,
  type Output,
  switchFlag,
  wholeNumber,
} from "./command.ts";
import { DaemonLogLines } from "./daemon_log_lines.ts";
import { DAEMON_ARGUMENT, findDaemon, listDaemons, writeProblems } from "./daemons.ts";
import { CommandError, UsageError } from "./error_report.ts";
import { escapeForTerminal, styleOf } from "./terminal.ts";

/** Interval between checks for new lines, in milliseconds. */
const POLL_MS = 100;

export const command = defineCommand({
  about:
    "Shows the last lines of the log of a shared gateway. The id may be left out if only one " +
    "runs, or if none runs and only one has left its log.",
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
    const { log } = chooseDaemon(id, list.daemons);
    if (!follow && !isFile(log)) throw new CommandError(`There is no log at ${log}`);
    using reader = new DaemonLogLines(log);
    print(reader.read().slice(-lines), stdout);
    while (follow && stdout.isClosed !== true) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      print(reader.read(), stdout);
    }
    return 0;
  },
});

/**
 * Chooses the daemon with the id that was typed; if none was, the only one.
 *
 * @throws {UsageError} If there are several.
 * @throws {CommandError} If there is none.
 */
function chooseDaemon(id: string | undefined, daemons: readonly FoundFiles[]): FoundFiles {
  if (id !== undefined) return findDaemon(id, daemons);
  const running = daemons.filter(({ hasSocket }) => hasSocket);
  const candidates = running.length > 0 ? running : daemons;
  const [daemon, ...others] = candidates;
  if (daemon === undefined) {
    throw new CommandError(
      "No shared gateway runs or has left a log: the first client that starts with --shared starts one",
    );
  }
  if (others.length > 0) {
    const ids = candidates.map((candidate) => candidate.id).join(", ");
    throw new UsageError(
      `Name one of the shared gateways, which agent-mcp-gateway ps describes: ${ids}`,
    );
  }
  return daemon;
}

function print(lines: readonly string[], stdout: Output): void {
  const style = styleOf(Deno.stdout);
  for (const line of lines) stdout.write(`${escapeForTerminal(line, style)}\n`);
}
