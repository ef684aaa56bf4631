import type { Configuration } from "../config/mod.ts";
import type { LockedServer, LockFile } from "../pins/mod.ts";
import {
  defineCommand,
  FILE_FLAGS,
  JSON_FLAG,
  optional,
  serverArgument,
  switchFlag,
} from "./command.ts";
import { CommandError, UsageError } from "./error_report.ts";
import { LockFileOnDisk } from "./lock_file.ts";
import { openConfiguration } from "./open_configuration.ts";
import { createReport } from "./pin_report.ts";
import { printReports } from "./print_pins.ts";
import { type PinnableServer, readPinnableServers } from "./read_pinnable.ts";
import { findServer } from "./resolve_names.ts";

/** Exit code of `--check` if anything differs. */
const EXIT_DIFFERS = 4;

const FLAGS = {
  update: switchFlag("Accept all that the servers offer now, and print it as --diff does"),
  check: switchFlag("Only compare; exit with 4 if anything differs from the lock file"),
  diff: switchFlag("Only compare, and print what differs word by word"),
  strict: switchFlag(
    "With --check: also exit with 4 for a server that is not pinned or has another version",
  ),
  json: JSON_FLAG,
  ...FILE_FLAGS,
};

export const command = defineCommand({
  about:
    "Starts servers, and pins those that are not pinned: writes the definitions of their tools, " +
    "resource templates and prompts into .mcp-gateway-lock.json beside the rules file. From then on, " +
    "what is new or has changed at a pinned server is neither shown nor called, until --update accepts it. " +
    "Exit code: 1 if a server fails; with --check, 4 if anything differs.",
  example: "agent-mcp-gateway pin postgres --diff",
  flags: FLAGS,
  args: [optional(serverArgument("Name of the server; default: all servers"))],
  async run({ flags, args: [onlyServer], ...streams }) {
    const { update, check, diff, strict, json, ...fileFlags } = flags;
    if (update && (check || diff)) {
      throw new UsageError(
        "--update changes the lock file, and --check and --diff do not: choose one",
      );
    }
    if (strict && !check) throw new UsageError("--strict says what --check reports: add --check");
    const opened = await openConfiguration(fileFlags);
    const { configuration, files } = opened;
    const file = new LockFileOnDisk(files.rules);
    const lockFileBefore = file.read();
    const writes = !check && !diff;
    if (lockFileBefore === undefined && !writes) {
      throw new CommandError(
        `There is no ${file.displayPath}, so nothing is pinned; agent-mcp-gateway pin writes it`,
      );
    }
    const names = onlyServer === undefined
      ? [...configuration.servers.keys()]
      : [findServer(onlyServer, configuration).name];
    const servers = await readPinnableServers(names, { opened, stderr: streams.stderr });
    const lockFile = lockFileBefore ?? new Map<string, LockedServer>();
    const reports = await Promise.all(
      servers.map(async (server) => await createReport(server, { lockFile, update, writes })),
    );
    const isWhole = onlyServer === undefined;
    const unconfigured = isWhole ? findUnconfigured(lockFile, configuration) : [];
    if (writes) {
      await file.edit((current) =>
        changeLockFile(current, { servers, update, removed: update ? unconfigured : [] })
      );
    }
    // After --update, too: a server may list something else now than when a person looked at the differences.
    printReports(reports, {
      unconfigured,
      update,
      isDetailed: diff || update,
      json,
      file,
      streams,
    });
    const hasFailed = reports.some(({ failure }) => failure !== undefined);
    const differs = unconfigured.length > 0 ||
      reports.some(({ status, editedItems, isOtherVersion }) =>
        status === "changed" || editedItems.length > 0 ||
        (strict && (status === "not pinned" || isOtherVersion))
      );
    if (check && differs) return EXIT_DIFFERS;
    return hasFailed ? 1 : 0;
  },
});

/** Returns the pinned servers that are not in the servers file, not even as disabled ones. */
function findUnconfigured(
  lockFile: LockFile,
  { servers, unavailableReasons }: Configuration,
): string[] {
  return [...lockFile.keys()].filter((name) => !servers.has(name) && !unavailableReasons.has(name));
}

function changeLockFile(
  lockFile: LockFile,
  { servers, update, removed }: {
    readonly servers: readonly PinnableServer[];
    readonly update: boolean;
    readonly removed: readonly string[];
  },
): LockFile {
  const newLockFile = new Map(lockFile);
  for (const name of removed) newLockFile.delete(name);
  for (const { name, listed } of servers) {
    if (listed === undefined || (newLockFile.has(name) && !update)) continue;
    const { serverInfo, pins } = listed;
    newLockFile.set(name, { serverInfo, pins });
  }
  return newLockFile;
}
