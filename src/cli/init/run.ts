import {
  abbreviateHome,
  checkConfiguration,
  expandHome,
  locateFiles,
  type Program,
  resolvePath,
  thisProgram,
} from "../../config/mod.ts";
import { formatProblem } from "../../errors.ts";
import { didYouMean } from "../../similar_names.ts";
import type { Streams } from "../command.ts";
import { CommandError, UsageError, withErrorReport } from "../error_report.ts";
import { escapeControls, escapeLines } from "../../text.ts";
import { askPlan } from "./ask_plan.ts";
import { type ChangeOptions, planChanges } from "./changes.ts";
import { findClearTextSecrets } from "./clear_text_secrets.ts";
import {
  type ClientLaunch,
  isFromNpx,
  launchCommand,
  readLaunch,
  schemaAddress,
} from "./client_entry.ts";
import {
  CLIENT_IDS,
  type ClientId,
  type ClientLocation,
  clientLocations,
  isClientId,
  type Machine,
  thisMachine,
} from "./clients.ts";
import { type Disk, thisDisk } from "./disk.ts";
import { planSharingChange } from "./existing_entry.ts";
import { isLink } from "./file_state.ts";
import { type ClientFile, findServers, type FoundServers } from "./find_servers.ts";
import type { InitFlags } from "./mod.ts";
import type { InspectedServers } from "./inspect_servers.ts";
import { mergeServers, type OfferedServer } from "./merge_servers.ts";
import {
  type ExistingConfiguration,
  type GatewayFiles,
  gatewayFiles,
  readExistingConfiguration,
  serversText,
} from "./gateway_files.ts";
import { DEFAULT_AGENT, type Plan, planImport } from "./plan.ts";
import type { Terminal } from "./prompter.ts";
import { pluralize } from "../terminal.ts";
import { nextText, pasteText, writtenText } from "./summary.ts";
import { writeFiles, type WrittenFile } from "./write_files.ts";

/** The environment of `init`, which tests replace. */
export interface InitOptions {
  /** The machine that has the clients. */
  readonly machine: Machine;
  /** Its file system. */
  readonly disk: Disk;
  /** The circumstances of this program's start. */
  readonly launch: ClientLaunch;
  /** Identifies this program, to recognize entries that start it. */
  readonly program: Program;
  /** The terminal for questions; absent if nobody can answer. */
  readonly terminal?: Terminal;
  /** The time of the run. */
  readonly now: Date;
}

/** Exit code of a cancelled run. */
const CANCELLED = 130;

/**
 * Writes the gateway's two files from the files of MCP clients, or undoes the last run.
 *
 * @param streams Receives the text to paste on stdout, and everything else on stderr.
 * @param options Default: this machine, and its terminal if there is one.
 * @returns The exit code: 1 if nothing could be done, 2 if the flags cannot be used, 130 if the person
 * cancelled.
 */
export async function init(
  flags: InitFlags,
  streams: Streams,
  options?: InitOptions,
): Promise<number> {
  return await withErrorReport(streams, async () => {
    try {
      const run = flags.undo ? undo : importServers;
      return await run(flags, options ?? await defaultOptions(), streams);
    } catch (error) {
      if (error instanceof UsageError || !(error instanceof Error)) throw error;
      // A person can fix errors of the file system.
      throw new CommandError(error.message, { cause: error });
    }
  });
}

async function undo(flags: InitFlags, options: InitOptions, { stderr }: Streams): Promise<number> {
  if (flags.from !== undefined || flags.here || flags.shared) {
    throw new UsageError("--undo can be combined with --yes only");
  }
  const { undoInit } = await import("./undo.ts");
  const { machine, terminal, now } = options;
  const journal = journalPath(machine);
  return await undoInit({
    yes: flags.yes,
    journal,
    terminal,
    now,
    printLine: createPrintLine(stderr),
  });
}

async function defaultOptions(): Promise<InitOptions> {
  const machine = thisMachine();
  if (machine === undefined) throw new CommandError("There is no home folder: set HOME");
  const hasTerminal = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  return {
    machine,
    disk: thisDisk,
    launch: readLaunch(),
    program: thisProgram(),
    ...(hasTerminal ? { terminal: await openTerminal() } : {}),
    now: new Date(),
  };
}

async function openTerminal(): Promise<Terminal> {
  const { default: { stdin, stderr } } = await import("node:process");
  // A terminal of unknown size reports 0 columns, so that every letter would be on its own line.
  if (stderr.columns === 0) stderr.columns = 80;
  if (stderr.rows === 0) stderr.rows = 24;
  return { input: stdin, output: stderr };
}

type PrintLine = (text: string) => void;

function createPrintLine(stderr: Streams["stderr"]): PrintLine {
  return (text) => stderr.write(`${escapeLines(text)}\n`);
}

async function importServers(
  flags: InitFlags,
  options: InitOptions,
  streams: Streams,
): Promise<number> {
  const printLine = createPrintLine(streams.stderr);
  const { machine, disk, program, terminal } = options;
  const locations = chooseLocations(flags.from, machine);
  if (!flags.yes && terminal === undefined) {
    throw new UsageError(
      "init asks questions, and there is no terminal to ask at: add --yes to skip them",
    );
  }
  const configFolder = resolvePath(machine.home, ".config", "agent-mcp-gateway");
  const files = gatewayFiles(flags.here ? machine.cwd : configFolder);
  if (flags.here) Object.values(files).forEach(requireNoLink);
  const currentConfiguration = readExistingConfiguration(files, { disk, printLine });
  if (currentConfiguration === undefined) return 1;
  if (flags.here) printExistingServers(files.servers, { currentConfiguration, printLine });
  const searchResult = await findServers(locations, {
    machine,
    disk,
    program,
    gatewayFiles: Object.values(files),
  });
  for (const line of [...searchResult.problems, ...searchResult.remarks]) printLine(line);
  if (flags.from !== undefined && searchResult.files.every(({ isNew }) => isNew)) {
    if (searchResult.problems.length > 0) return 1;
    const searchedPaths = locations.map(({ path }) => abbreviateHome(path, machine.home)).join(
      ", ",
    );
    printLine(`Nothing to import servers from; looked for ${searchedPaths}`);
    return 1;
  }
  const servers = mergeServers(searchResult.servers, currentConfiguration.servers);
  const trustsFolder = flags.here || flags.from !== undefined;
  const plan = flags.yes || terminal === undefined
    ? planImport(servers, {
      existingServers: Object.keys(currentConfiguration.servers),
      existingAgents: currentConfiguration.agents,
      trustsFolder,
      printLine,
    })
    : await askPlan({
      servers,
      existingServers: Object.keys(currentConfiguration.servers),
      existingAgents: currentConfiguration.agents,
      clientFiles: searchResult.files.filter(({ client, scope }) =>
        client !== undefined && scope === "user"
      ),
      trustsFolder,
      startsExisting: !flags.here,
      home: machine.home,
      suggestedAgents: currentConfiguration.agents.length > 0
        ? currentConfiguration.agents
        : [DEFAULT_AGENT],
      gatewayFiles: Object.values(files).map((path) => abbreviateHome(path, machine.home)),
      inspect: (chosen, only) => inspect(chosen, currentConfiguration, { machine, streams, only }),
    }, terminal);
  if (plan === undefined) {
    printLine("Cancelled: nothing has been written");
    return CANCELLED;
  }
  const changes: ChangeOptions = {
    files,
    launchCommand: launchCommand(options.launch),
    isShared: flags.shared,
    schemas: {
      servers: schemaAddress("servers", program.root),
      rules: schemaAddress("rules", program.root),
    },
    // Claude Code also reads the file in the working folder, and accepts no comments in it.
    allowsComments: !flags.here,
  };
  const unsharedFiles = flags.shared
    ? searchResult.files.filter(({ unsharedEntries }) => unsharedEntries.length > 0)
    : [];
  // At a terminal, only the clients that the person chooses are changed.
  const filesToShare = unsharedFiles.filter(({ client, scope }) =>
    flags.yes && client !== undefined && scope === "user"
  );
  const allChanges = [
    ...await planChanges(plan, changes),
    ...await Promise.all(filesToShare.map(planSharingChange)),
  ];
  const writtenFiles = await writeFiles(allChanges, {
    journal: journalPath(machine),
    now: options.now,
  });
  const isWritten = ({ path }: ClientFile) => writtenFiles.some((file) => file.path === path);
  const sharedFiles = filesToShare.filter(isWritten);
  const clients = listClients(flags.from, searchResult);
  const clientsWithEntry = searchResult.files.flatMap(({ client, entryEnv }) =>
    client === undefined || entryEnv === undefined ? [] : [client]
  );
  printLine(writtenText(plan, { writtenFiles, files, sharedFiles, home: machine.home }));
  if (isFromNpx(changes.launchCommand)) {
    printLine(
      "The entry starts a program in npx's cache. Before you clear the cache, install " +
        "agent-mcp-gateway permanently, and run its init",
    );
  }
  const hasNoClient = clients.length === 0;
  const clientsWithoutEntry = clients.filter((client) => !clientsWithEntry.includes(client));
  const paste = await pasteText(plan, {
    clients: clientsWithoutEntry,
    hasNoClient,
    changes,
  });
  if (paste !== "") streams.stdout.write(`\n${paste}`);
  // The warnings and the next steps come last, so that they stay on the screen.
  await printNotes(plan, searchResult, { files, writtenFiles, options, printLine });
  const existingCount = Object.keys(currentConfiguration.servers).length;
  const summary = {
    writtenFiles,
    files,
    clients,
    clientsWithEntry,
    sharedFiles,
    unsharedFiles: unsharedFiles.filter((file) => !isWritten(file)),
    isShared: flags.shared,
    needsTrust: flags.here && isFromFolder(files, machine),
    existingServers: existingCount,
    hasAsked: !flags.yes && terminal !== undefined,
    home: machine.home,
  };
  printLine(nextText(plan, summary));
  return 0;
}

/** Whether the gateway finds its files in the working folder, where it uses only trusted ones. */
function isFromFolder({ servers }: GatewayFiles, { home, cwd }: Machine): boolean {
  const { mcpConfig: { origin, path } } = locateFiles({}, { home, cwd });
  return origin === "working-folder" && path === servers;
}

/** Prints the servers of the file in the working folder, which may be a stranger's: a person who continues trusts them. */
function printExistingServers(
  path: string,
  { currentConfiguration: { servers }, printLine }: {
    readonly currentConfiguration: ExistingConfiguration;
    readonly printLine: PrintLine;
  },
): void {
  const entries = Object.entries(servers);
  if (entries.length === 0) return;
  // A person can trust only what they see, so nothing is cut or redacted.
  const lines = entries.map(([name, entry]) => {
    return `  ${escapeControls(name)}: ${JSON.stringify(entry)}`;
  });
  printLine([`${path} already has ${pluralize(entries.length, "server")}:`, ...lines].join("\n"));
}

/** Throws if a file of the working folder is a link, which could make `init` change a file elsewhere. */
function requireNoLink(path: string): void {
  if (!isLink(path)) return;
  throw new CommandError(
    `${path} is a link, and init --here changes only files of this folder: replace the link by a ` +
      "file, or remove it; nothing has been changed",
  );
}

/** Starts the existing and the chosen servers with the entries that the servers file would have. */
async function inspect(
  chosen: readonly OfferedServer[],
  { servers }: ExistingConfiguration,
  { machine, streams: { stderr }, only }: {
    readonly machine: Machine;
    readonly streams: Streams;
    readonly only?: readonly string[] | undefined;
  },
): Promise<InspectedServers> {
  const { inspectServers } = await import("./inspect_servers.ts");
  const plannedServers = chosen.map((offered) => ({ ...offered, entry: offered.server.entry }));
  const text = serversText(JSON.stringify({ mcpServers: servers }), plannedServers);
  return await inspectServers(text, { machine, stderr, ...(only === undefined ? {} : { only }) });
}

/** The path of the journal: in the home folder, even if the files are in the working folder. */
function journalPath({ home }: Machine): string {
  return resolvePath(home, ".config", "agent-mcp-gateway", "init-journal.json");
}

/** Returns the files in which clients may keep servers. */
function chooseLocations(from: string | undefined, machine: Machine): ClientLocation[] {
  const locations = clientLocations(machine);
  if (from === undefined) return locations;
  if (isClientId(from)) return locations.filter(({ client }) => client === from);
  if (!/[./\\]/.test(from)) {
    const suggestion = didYouMean(from, CLIENT_IDS) || ".";
    throw new UsageError(
      `--from: there is no client ${JSON.stringify(from)}${suggestion} ` +
        `Expected ${CLIENT_IDS.join(", ")}, or the path of a file`,
    );
  }
  const path = resolvePath(machine.cwd, expandHome(from, machine.home));
  return [{ title: from, path, scope: "user", hasProjects: false }];
}

/** Prints notes about the imported servers, secrets in clear text, and warnings of the configuration. */
async function printNotes(
  plan: Plan,
  { files: clientFiles }: FoundServers,
  { files, writtenFiles, options: { machine }, printLine }: {
    readonly files: { readonly servers: string; readonly rules: string };
    readonly writtenFiles: readonly WrittenFile[];
    readonly options: InitOptions;
    readonly printLine: PrintLine;
  },
): Promise<void> {
  for (const { name, server: { notes } } of plan.servers) {
    for (const note of notes) printLine(`${name}: ${note}`);
  }
  const serversFile = abbreviateHome(files.servers, machine.home);
  const secrets = plan.servers.flatMap(({ name, entry }) =>
    findClearTextSecrets(entry).map((field) => `${name}: ${field}`)
  );
  if (secrets.length > 0) {
    const backups = writtenFiles.flatMap(({ backup }) =>
      backup === undefined ? [] : [abbreviateHome(backup, machine.home)]
    );
    const backupsNote = backups.length === 0
      ? ""
      : `. The backups may hold them, too; only you can read these: ${backups.join(", ")}`;
    printLine(
      `${serversFile} holds secrets in clear text (${secrets.join(", ")}). Only you can read ` +
        "it; to keep them out, write ${NAME} there and set the variable" + backupsNote,
    );
  }
  const fileFlags = { mcpConfig: files.servers, rules: files.rules };
  const { cwd, env, home } = machine;
  const { warnings } = await checkConfiguration(locateFiles(fileFlags, { home, cwd }), {
    cwd,
    env,
  });
  for (const warning of warnings) printLine(formatProblem(warning));
  const projectFiles = clientFiles.filter(({ path, scope }) =>
    scope === "project" &&
    plan.servers.some(({ sources }) => sources.some((source) => source.file.path === path))
  );
  for (const { displayPath } of projectFiles) {
    printLine(
      `${displayPath} belongs to the project and stays as it is: its client still loads those servers`,
    );
  }
}

function listClients(from: string | undefined, { files }: FoundServers): ClientId[] {
  if (from !== undefined && isClientId(from)) return [from];
  return CLIENT_IDS.filter((id) => files.some(({ client }) => client === id));
}
