import {
  checkConfiguration,
  locateFiles,
  type Program,
  resolvePath,
  thisProgram,
} from "../config/mod.ts";
import { formatProblem } from "../errors.ts";
import { nearNames } from "../near_names.ts";
import type { Outputs } from "./audit.ts";
import {
  askPlan,
  type ChangeOptions,
  CLIENT_IDS,
  type ClientId,
  type ClientPlace,
  clientPlaces,
  type Disk,
  findClearTextSecrets,
  findServers,
  FIRST_AGENT,
  type Found,
  type Inspected,
  isClientId,
  isFromNpx,
  type Kept,
  launchWords,
  type Machine,
  mergeServers,
  nextText,
  type OfferedServer,
  ownFiles,
  pasteText,
  type Plan,
  planAll,
  planChanges,
  readOwn,
  type Running,
  schemaAddress,
  serversText,
  showPath,
  type Terminal,
  thisDisk,
  thisMachine,
  thisRun,
  writeFiles,
  writtenText,
} from "./init/mod.ts";
import { cleanText } from "./terminal.ts";

/** The flags of `init`. */
export interface InitFlags {
  /** A client, or the path of a file. */
  readonly from?: string;
  readonly yes: boolean;
  readonly here: boolean;
  readonly undo: boolean;
}

/** What `init` runs on; tests give their own. */
export interface InitOptions {
  readonly machine: Machine;
  readonly disk: Disk;
  readonly run: Running;
  readonly program: Program;
  /** Where questions are asked; absent where nobody is there to answer. */
  readonly terminal?: Terminal;
  readonly now: Date;
}

const CANCELLED = 130;

/**
 * Writes the two configuration files from what MCP clients have, or undoes that.
 *
 * @param flags As typed.
 * @param outputs What there is to paste goes to stdout, everything else to stderr.
 * @param options What it runs on; default: this machine, and its terminal where there is one.
 * @returns The exit code: 1 where nothing could be done, 2 for a command line that makes no sense,
 * 130 where it was cancelled.
 */
export async function init(
  flags: InitFlags,
  outputs: Outputs,
  options?: InitOptions,
): Promise<number> {
  const say = (text: string) => outputs.stderr.write(`${cleanText(text)}\n`);
  try {
    const known = options ?? await thisOptions();
    if (known === undefined) {
      say("There is no home folder: set HOME");
      return 1;
    }
    if (flags.undo) return await undo(flags, known, say);
    return await writeInit(flags, known, outputs);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

async function undo(flags: InitFlags, options: InitOptions, say: Say): Promise<number> {
  if (flags.from !== undefined || flags.here) {
    say("--undo goes with --yes only");
    return 2;
  }
  const { undoInit } = await import("./init_undo.ts");
  const { machine, terminal, now } = options;
  const asked = terminal === undefined ? {} : { terminal };
  return await undoInit({ yes: flags.yes, journal: journalPath(machine), ...asked, now, say });
}

async function thisOptions(): Promise<InitOptions | undefined> {
  const machine = thisMachine();
  if (machine === undefined) return undefined;
  const hasTerminal = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  return {
    machine,
    disk: thisDisk,
    run: thisRun(),
    program: thisProgram(),
    ...(hasTerminal ? { terminal: await openTerminal() } : {}),
    now: new Date(),
  };
}

async function openTerminal(): Promise<Terminal> {
  const { default: { stdin, stderr } } = await import("node:process");
  // A terminal of unknown size says 0, and every letter would get a line of its own.
  if (stderr.columns === 0) stderr.columns = 80;
  if (stderr.rows === 0) stderr.rows = 24;
  return { input: stdin, output: stderr };
}

type Say = (text: string) => void;

async function writeInit(
  flags: InitFlags,
  options: InitOptions,
  outputs: Outputs,
): Promise<number> {
  const say: Say = (text) => outputs.stderr.write(`${cleanText(text)}\n`);
  const { machine, disk, program, terminal } = options;
  const places = choosePlaces(flags.from, machine);
  if (typeof places === "string") {
    say(places);
    return 2;
  }
  if (!flags.yes && terminal === undefined) {
    say("init asks questions, and there is no terminal to ask at: add --yes to go without");
    return 2;
  }
  const home = resolvePath(machine.home, ".config", "agent-mcp-gateway");
  const files = ownFiles(flags.here ? machine.cwd : home);
  const kept = readOwn(files, disk, say);
  if (kept === undefined) return 1;
  const found = await findServers(places, { machine, disk, program, own: Object.values(files) });
  for (const line of [...found.problems, ...found.remarks]) say(line);
  if (flags.from !== undefined && found.files.every(({ isNew }) => isNew)) {
    if (found.problems.length > 0) return 1;
    const looked = places.map(({ path }) => showPath(path, machine.home)).join(", ");
    say(`Nothing to take servers from; looked for ${looked}`);
    return 1;
  }
  const servers = mergeServers(found.servers, kept.servers);
  const trustsFolder = flags.here || flags.from !== undefined;
  const plan = flags.yes || terminal === undefined
    ? planAll(servers, Object.keys(kept.servers), { trustsFolder, say })
    : await askPlan({
      servers,
      kept: Object.keys(kept.servers),
      agents: kept.agents,
      files: found.files.filter(({ client, scope }) => client !== undefined && scope === "user"),
      trustsFolder,
      offered: kept.agents.length > 0 ? kept.agents : [FIRST_AGENT],
      own: Object.values(files).map((path) => showPath(path, machine.home)),
      look: (chosen, only) => look(chosen, kept, { machine, outputs, only }),
    }, terminal);
  if (plan === undefined) {
    say("Cancelled: nothing has been written");
    return CANCELLED;
  }
  const schemas = {
    servers: schemaAddress("servers", program.root),
    rules: schemaAddress("rules", program.root),
  };
  const changes: ChangeOptions = {
    files,
    words: launchWords(options.run),
    schemas: Object.fromEntries(Object.entries(schemas).filter(([, one]) => one !== undefined)),
    // Claude Code reads the working folder's file too, and takes no comments there.
    comments: !flags.here,
  };
  const written = await writeFiles(await planChanges(plan, changes), {
    journal: journalPath(machine),
    now: options.now,
  });
  const clients = clientsOf(flags.from, found);
  await tellMore(plan, found, { files, options, say });
  if (isFromNpx(changes.words)) {
    say(
      "The entry names the Deno that npx has fetched: install Deno if npx's cache is ever cleared",
    );
  }
  const ready = found.files.flatMap(({ client, entryEnv }) =>
    client === undefined || entryEnv === undefined ? [] : [client]
  );
  say(writtenText(plan, { written, files, home: machine.home }));
  // The entry to paste and what to do with it are the last on the screen.
  outputs.stdout.write(`\n${pasteText(plan, clients, changes)}`);
  say(nextText(plan, { written, files, clients, ready, home: machine.home }));
  return 0;
}

/** Starts the gateway's servers as they would stand in the servers file, and looks at them. */
async function look(
  chosen: readonly OfferedServer[],
  { servers }: Kept,
  { machine, outputs: { stderr }, only }: {
    readonly machine: Machine;
    readonly outputs: Outputs;
    readonly only?: readonly string[] | undefined;
  },
): Promise<Inspected> {
  const { inspectServers } = await import("./inspect_servers.ts");
  const planned = chosen.map((offered) => ({ ...offered, entry: offered.server.entry }));
  const text = serversText(JSON.stringify({ mcpServers: servers }), planned);
  return await inspectServers(text, { machine, stderr, ...(only === undefined ? {} : { only }) });
}

/** The journal is in the user's own folder, wherever the files are. */
function journalPath({ home }: Machine): string {
  return resolvePath(home, ".config", "agent-mcp-gateway", "init-journal.json");
}

/** Where to look for servers, or what is wrong with the word. */
function choosePlaces(from: string | undefined, machine: Machine): ClientPlace[] | string {
  const places = clientPlaces(machine);
  if (from === undefined) return places;
  if (isClientId(from)) return places.filter(({ client }) => client === from);
  if (!/[./\\]/.test(from)) {
    const [near] = nearNames(from, CLIENT_IDS, { most: 1 });
    const meant = near === undefined ? "" : `; did you mean ${near}?`;
    return `--from: there is no client ${JSON.stringify(from)}${meant} ` +
      `Expected ${CLIENT_IDS.join(", ")}, or the path of a file`;
  }
  const path = resolvePath(machine.cwd, from.replace(/^~(?=[/\\])/, machine.home));
  return [{ title: from, path, scope: "user", hasProjects: false }];
}

/** What a person should know besides the files that were written. */
async function tellMore(
  plan: Plan,
  { files: clientFiles }: Found,
  { files, options: { machine }, say }: {
    readonly files: { readonly servers: string; readonly rules: string };
    readonly options: InitOptions;
    readonly say: Say;
  },
): Promise<void> {
  for (const { name, server: { notes } } of plan.servers) {
    for (const note of notes) say(`${name}: ${note}`);
  }
  const shown = showPath(files.servers, machine.home);
  const secrets = plan.servers.flatMap(({ name, entry }) =>
    findClearTextSecrets(entry).map((place) => `${name}: ${place}`)
  );
  if (secrets.length > 0) {
    say(
      `${shown} holds secrets in clear text (${secrets.join(", ")}). Only you can read ` +
        "it; to keep them out, write ${NAME} there and set the variable",
    );
  }
  const named = { mcpConfig: files.servers, rules: files.rules };
  const { cwd, env, home } = machine;
  const { warnings } = await checkConfiguration(locateFiles(named, { home, cwd }), { cwd, env });
  for (const warning of warnings) say(formatProblem(warning));
  const project = clientFiles.filter(({ path, scope }) =>
    scope === "project" &&
    plan.servers.some(({ places }) => places.some((place) => place.file.path === path))
  );
  for (const { shown } of project) {
    say(`${shown} belongs to the project and stays as it is: its client still loads those servers`);
  }
}

function clientsOf(from: string | undefined, { files }: Found): ClientId[] {
  if (from !== undefined && isClientId(from)) return [from];
  return CLIENT_IDS.filter((id) => files.some(({ client }) => client === id));
}
