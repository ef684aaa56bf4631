import type { Configuration } from "../config/mod.ts";
import { canonicalJson } from "../canonical_json.ts";
import {
  comparePins,
  type LockedServer,
  type LockFile,
  type PinDifference,
  PINNED_KINDS,
  type PinnedServerInfo,
  type ServerPins,
} from "../pins/mod.ts";
import { sha256 } from "../sha256.ts";
import { escapeControls, escapeLines } from "../text.ts";
import {
  defineCommand,
  FILE_FLAGS,
  JSON_FLAG,
  optional,
  serverArgument,
  type Streams,
  switchFlag,
} from "./command.ts";
import { CommandError, UsageError } from "./error_report.ts";
import { LockFileOnDisk } from "./lock_file.ts";
import { openConfiguration } from "./open_configuration.ts";
import { diffDefinitions, differenceText } from "./pin_diff.ts";
import { describeHiddenText, ITEM_NOUNS, quoteName } from "./pinned_items.ts";
import { type PinnableServer, readPinnableServers } from "./read_pinnable.ts";
import { findServer } from "./resolve_names.ts";
import { jsonOutput, pluralize, styleOf } from "./terminal.ts";

/** Exit code of `--check` if anything differs. */
const DIFFERS = 4;

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
    const before = file.read();
    const writes = !check && !diff;
    if (before === undefined && !writes) {
      throw new CommandError(
        `There is no ${file.displayPath}, so nothing is pinned; agent-mcp-gateway pin writes it`,
      );
    }
    const names = onlyServer === undefined
      ? [...configuration.servers.keys()]
      : [findServer(onlyServer, configuration).name];
    const servers = await readPinnableServers(names, { opened, stderr: streams.stderr });
    const lockFile = before ?? new Map<string, LockedServer>();
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
    // A server may list other things now than it did when a person looked at the differences.
    print(reports, { unconfigured, update, isDetailed: diff || update, json, file, streams });
    const hasFailed = reports.some(({ failure }) => failure !== undefined);
    const differs = unconfigured.length > 0 ||
      reports.some(({ status, edited, isOtherVersion }) =>
        status === "changed" || edited.length > 0 ||
        (strict && (status === "not pinned" || isOtherVersion))
      );
    return check && differs ? DIFFERS : hasFailed ? 1 : 0;
  },
});

/** A server, compared with its pins. */
interface ServerReport {
  readonly server: string;
  readonly status: "unchanged" | "changed" | "not pinned" | "pinned" | "updated" | "failed";
  readonly differences: readonly PinDifference[];
  /** Names of items whose definition in the lock file does not have its hash. */
  readonly edited: readonly string[];
  readonly pinnedInfo: PinnedServerInfo | undefined;
  readonly isOtherVersion: boolean;
  readonly listed: PinnableServer["listed"];
  readonly failure: string | undefined;
}

async function createReport(
  { name, listed, failure }: PinnableServer,
  { lockFile, update, writes }: {
    readonly lockFile: LockFile;
    readonly update: boolean;
    readonly writes: boolean;
  },
): Promise<ServerReport> {
  const locked = lockFile.get(name);
  const edited = locked === undefined ? [] : await findEdited(locked.pins);
  const known = { server: name, edited, pinnedInfo: locked?.serverInfo, listed, failure };
  if (listed === undefined) {
    return { ...known, status: "failed", differences: [], isOtherVersion: false };
  }
  if (locked === undefined) {
    const status = writes ? "pinned" : "not pinned";
    return { ...known, status, differences: [], isOtherVersion: false };
  }
  const differences = comparePins(locked.pins, listed.pins);
  // An item that cannot be pinned is held back, whether it was pinned before or not.
  const unpinnable = listed.unpinnable.map(({ kind, name: item }): PinDifference => {
    const pinned = locked.pins[kind].get(item);
    const change = pinned === undefined ? "new" : "changed";
    return { kind, name: item, change, pinned, listed: undefined };
  });
  const isUnpinnable = ({ kind, name: item }: PinDifference): boolean =>
    unpinnable.some((other) => other.kind === kind && other.name === item);
  const all = [...differences.filter((difference) => !isUnpinnable(difference)), ...unpinnable];
  const isEqual = all.length === 0;
  const isOtherVersion = canonicalJson(locked.serverInfo) !== canonicalJson(listed.serverInfo);
  const isChanged = !isEqual || edited.length > 0;
  const status = update && (isChanged || isOtherVersion)
    ? "updated"
    : isEqual
    ? "unchanged"
    : "changed";
  return { ...known, status, differences: all, isOtherVersion };
}

/** Finds pins whose definition does not have their hash: somebody has edited the lock file by hand. */
async function findEdited(pins: ServerPins): Promise<string[]> {
  const edited: string[] = [];
  for (const kind of PINNED_KINDS) {
    for (const [name, { sha256: hash, definition }] of pins[kind]) {
      if (await sha256(canonicalJson(definition)) === hash) continue;
      edited.push(`${ITEM_NOUNS[kind]} ${quoteName(name)}`);
    }
  }
  return edited;
}

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
  const changed = new Map(lockFile);
  for (const name of removed) changed.delete(name);
  for (const { name, listed } of servers) {
    if (listed === undefined || (changed.has(name) && !update)) continue;
    const { serverInfo, pins } = listed;
    changed.set(name, { serverInfo, pins });
  }
  return changed;
}

interface PrintOptions {
  readonly unconfigured: readonly string[];
  readonly update: boolean;
  /** Whether differences are printed word by word. */
  readonly isDetailed: boolean;
  readonly json: boolean;
  readonly file: LockFileOnDisk;
  readonly streams: Streams;
}

function print(reports: readonly ServerReport[], options: PrintOptions): void {
  const { unconfigured, update, isDetailed, json, file, streams: { stdout, stderr } } = options;
  if (json) return stdout.write(jsonOutput(JSON.stringify(createJson(reports, options))));
  const style = styleOf(Deno.stdout);
  for (const report of reports) {
    const { server, status, differences, failure } = report;
    if (failure !== undefined) {
      stderr.write(escapeLines(`${server}: ${failure}\n`));
      continue;
    }
    stdout.write(`${escapeControls(server)}: ${describeStatus(report)}\n`);
    for (const difference of differences) {
      stdout.write(differenceText(difference, { isDetailed, style }));
    }
    for (const note of notesOf(report)) stderr.write(escapeLines(`${server}: ${note}\n`));
    if (status === "changed" && !isDetailed) {
      stderr.write(escapeLines(`${server}: --diff shows what changed, and --update accepts it\n`));
    }
  }
  for (const name of unconfigured) {
    const action = update ? "its pins were removed" : "--update removes its pins";
    stdout.write(`${escapeControls(name)}: not in the servers file; ${action}\n`);
  }
  if (reports.some(({ status }) => status === "pinned" || status === "updated")) {
    stderr.write(`Wrote ${file.displayPath}: commit it, so that every change of it is reviewed\n`);
  }
  if (reports.length === 0) stderr.write("No server is configured\n");
}

function describeStatus({ status, differences, listed }: ServerReport): string {
  const counts = PINNED_KINDS.flatMap((kind) => {
    const count = listed?.pins[kind].size ?? 0;
    return kind === "tools" || count > 0 ? [pluralize(count, ITEM_NOUNS[kind])] : [];
  }).join(", ");
  switch (status) {
    case "pinned":
      return `pinned ${counts}`;
    case "updated":
      return `accepted ${pluralize(differences.length, "difference")}, pinned ${counts}`;
    case "unchanged":
      return `as it was pinned, ${counts}`;
    case "changed":
      return pluralize(differences.length, "difference");
    case "not pinned":
      return `not pinned, ${counts}; agent-mcp-gateway pin pins it`;
    case "failed":
      return "failed";
  }
}

/** Returns the warnings about a server, as clauses. */
function notesOf({ listed, edited, status, pinnedInfo, isOtherVersion }: ServerReport): string[] {
  return [
    ...(isOtherVersion
      ? [
        `it was ${infoText(pinnedInfo)} when it was pinned, and is ${
          infoText(listed?.serverInfo)
        } now`,
      ]
      : []),
    ...(status === "updated" ? [] : edited.map((item) => {
      return `the definition of its ${item} in the lock file does not have its hash, because somebody ` +
        "edited it by hand; --update writes both";
    })),
    ...(listed?.unpinnable ?? []).map(({ kind, name, failure }) => {
      return `its ${ITEM_NOUNS[kind]} ${
        quoteName(name)
      } cannot be pinned, so it is held back: ${failure}`;
    }),
    ...describeHiddenText(listed?.hiddenText ?? []).map((text) => `Warning: ${text}`),
  ];
}

function infoText(
  { name = "a server without a name", version = "" }: PinnedServerInfo = {},
): string {
  return `${name} ${version}`.trim();
}

function createJson(
  reports: readonly ServerReport[],
  { unconfigured, file }: PrintOptions,
): Readonly<Record<string, unknown>> {
  return {
    lock_file: file.displayPath,
    servers: reports.map((report) => {
      const { server, status, differences, edited, pinnedInfo, listed, failure } = report;
      return {
        server,
        status: status.replace(" ", "_"),
        ...(failure === undefined ? {} : { error: failure }),
        ...(pinnedInfo === undefined ? {} : { pinned_server: pinnedInfo }),
        ...(listed === undefined ? {} : { listed_server: listed.serverInfo }),
        differences: differences.map((difference) => {
          const { kind, name, change } = difference;
          return { kind, name, change, values: diffDefinitions(difference) };
        }),
        edited,
        unpinnable: listed?.unpinnable ?? [],
        hidden_text: listed?.hiddenText.map(({ item, name, kind, path, excerpt }) => {
          return { kind: item, name, hidden: kind, path, excerpt };
        }) ?? [],
      };
    }),
    not_configured: unconfigured,
  };
}
