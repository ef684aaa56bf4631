import { findStart, OTHER_SERVERS_KEYS, type Program, resolvePath } from "../../config/mod.ts";
import { checkText, type ClientDocument } from "../../config/editing/mod.ts";
import { formatProblem } from "../../errors.ts";
import { type Language, languageOf, parseClientFile } from "./client_text.ts";
import type { ClientLocation, Machine } from "./clients.ts";
import type { Disk } from "./disk.ts";
import {
  type ImportedEntry,
  importEntry,
  isRecord,
  type JsonPath,
  type JsonRecord,
} from "./import_entry.ts";

/** The name of the gateway's entry in a client: short, because the names of its tools start with it. */
export const GATEWAY_NAME = "gateway";

/** The former name of the entry, which it still gets if another server is called `gateway`. */
export const LONG_NAME = "agent-mcp-gateway";

/** A client's file. */
export interface ClientFile extends ClientLocation {
  /** The path with `~` for the home folder. */
  readonly shown: string;
  readonly language: Language;
  /** Whether the client is installed and the file does not exist yet. */
  readonly isNew: boolean;
  /** The name that the gateway's entry has, or would get. */
  readonly entryName: string;
  /** Variables of the gateway's entry, if the file has one already. */
  readonly entryEnv?: JsonRecord;
  /** The agent that this entry names. */
  readonly entryAgent?: string;
}

/** A server in a client's file. */
export interface FoundServer extends ImportedEntry {
  readonly name: string;
  readonly file: ClientFile;
  /** Path of the entry inside the file. */
  readonly at: JsonPath;
  /** The folder of the project that it is for, if it is for one. */
  readonly project?: string;
}

/** The result of the search. */
export interface FoundServers {
  /** Files that could be read. */
  readonly files: readonly ClientFile[];
  readonly servers: readonly FoundServer[];
  /** One line for each file or entry that could not be read or used. */
  readonly problems: readonly string[];
  /** One line for each entry that was left out on purpose. */
  readonly remarks: readonly string[];
}

/** Options of `findServers`. */
export interface FindOptions {
  readonly machine: Machine;
  readonly disk: Disk;
  /** Recognises entries that start the gateway itself. */
  readonly program: Program;
  /** Paths of the gateway's own files. */
  readonly own: readonly string[];
}

/**
 * Reads the servers of all clients. A damaged file is reported, and the others are read. The file of
 * a client that is installed and has none yet is among the files, as new.
 */
export async function findServers(
  locations: readonly ClientLocation[],
  options: FindOptions,
): Promise<FoundServers> {
  const found: Mutable<FoundServers> = { files: [], servers: [], problems: [], remarks: [] };
  const known = new Set<string | undefined>();
  const resolved = locations.flatMap((one) => resolveFolder(one, options.disk));
  const read = new Set<string>();
  for (const location of resolved) {
    if (options.own.includes(location.path) || !options.disk.isThere(location.path)) continue;
    // In the home folder, a user's own file is where a project's would be.
    if (read.has(location.path)) continue;
    read.add(location.path);
    if (location.scope === "user") known.add(location.client);
    await readLocation(location, found, options);
  }
  for (const location of resolved) {
    if (location.client === undefined || location.scope !== "user" || known.has(location.client)) {
      continue;
    }
    known.add(location.client);
    if (isInstalled(location, options)) found.files.push(newFile(location, options));
  }
  return found;
}

/** Whether the folder of a client's file exists; the home folder proves nothing. */
function isInstalled({ path }: ClientLocation, { disk, machine }: FindOptions): boolean {
  const folder = path.replace(/[/\\][^/\\]*$/, "");
  return folder !== machine.home && disk.isThere(folder);
}

function newFile(location: ClientLocation, { machine }: FindOptions): ClientFile {
  return {
    ...location,
    shown: showPath(location.path, machine.home),
    language: languageOf(location.path),
    isNew: true,
    entryName: GATEWAY_NAME,
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };

/** Resolves a `*` in a path. */
function resolveFolder(location: ClientLocation, disk: Disk): ClientLocation[] {
  const [before = "", after] = location.path.split("*", 2);
  if (after === undefined || location.client === undefined) return [location];
  return disk.list(before.slice(0, -1)).map((name) => ({
    ...location,
    path: before + name + after,
  }));
}

/** A path with `~` for the home folder. */
export function showPath(path: string, home: string): string {
  const rest = path.slice(home.length);
  return path.startsWith(home) && /^(?:[/\\]|$)/.test(rest) ? `~${rest}` : path;
}

async function readLocation(
  location: ClientLocation,
  found: Mutable<FoundServers>,
  options: FindOptions,
): Promise<void> {
  const { shown, language } = newFile(location, options);
  const read = options.disk.read(location.path);
  if ("failure" in read) {
    found.problems.push(`${shown}: ${read.failure}`);
    return;
  }
  const { document, problems } = await parseClientFile({ file: shown, text: read.text }, language);
  found.problems.push(...problems.map(formatProblem));
  if (document === undefined) return;
  const lists = serverLists(location, document);
  if (location.client === undefined && lists.length === 0) {
    found.problems.push(
      `${shown}: it contains no list of servers: init looks for mcpServers, ` +
        `${OTHER_SERVERS_KEYS.join(", ")} and extensions`,
    );
    return;
  }
  const count = lists.reduce((sum, path) => sum + (document.getKeys(path)?.length ?? 0), 0);
  if (count > MAX_SERVERS) {
    found.problems.push(
      `${shown}: left out, because it has ${count} servers and init takes at most ` +
        `${MAX_SERVERS} from a file: split it, and run init --from FILE for each part`,
    );
    return;
  }
  const gateways: { readonly name: string; readonly env: JsonRecord; readonly agent?: string }[] =
    [];
  const servers: Omit<FoundServer, "file">[] = [];
  for (const path of lists) {
    for (const name of document.getKeys(path) ?? []) {
      const at = [...path, name];
      const report = (message: string) =>
        found.problems.push(formatProblem(document.createProblem(at, `left out: ${message}`)));
      const leaveOut = (why: string) =>
        found.remarks.push(`${shown}: left out ${JSON.stringify(name)}, which is ${why}`);
      const value = document.getValue(at);
      if (!isRecord(value)) {
        report("expected an object");
        continue;
      }
      if (BUILT_IN.has(String(value.type))) {
        leaveOut("built into the client");
        continue;
      }
      const project = projectOf(location, path, options.machine.cwd);
      const owner = project === undefined ? {} : { project };
      const imported = importEntry(value, {
        windows: options.machine.os === "windows",
        ...owner,
        ...(location.client !== undefined && { client: location.client }),
      });
      const ours = gatewayIn(name, imported.entry, options);
      if (ours !== undefined) {
        const env = isRecord(imported.entry.env) ? imported.entry.env : {};
        if (path[0] !== "projects") gateways.push({ name, env, ...ours });
        leaveOut("the gateway itself");
        continue;
      }
      const faults = checkEntry(name, imported.entry);
      for (const fault of faults) report(fault);
      if (faults.length === 0) servers.push({ ...imported, ...owner, name, at });
    }
  }
  const [gateway] = gateways;
  const isTaken = servers.some(({ name, at }) => at[0] !== "projects" && name === GATEWAY_NAME);
  const list = lists.find((path) => path[0] !== "projects") ?? location.list;
  const file: ClientFile = {
    ...location,
    ...(list !== undefined && { list }),
    shown,
    language,
    isNew: false,
    entryName: gateway?.name ?? (isTaken ? LONG_NAME : GATEWAY_NAME),
    ...(gateway !== undefined && { entryEnv: gateway.env }),
    ...(gateway?.agent !== undefined && { entryAgent: gateway.agent }),
  };
  found.files.push(file);
  found.servers.push(...servers.map((server) => ({ ...server, file })));
}

/** Maximum number of servers in a file. Nobody has as many, and each takes up to 1 ms to check. */
const MAX_SERVERS = 1000;

/** Types of Goose's entries that are not servers. */
const BUILT_IN = new Set(["builtin", "platform", "frontend"]);

/** Keys under which clients keep their servers, for the file of an unknown client. */
const LISTS: readonly JsonPath[] = [
  ["mcpServers"],
  ["mcp", "servers"],
  ...OTHER_SERVERS_KEYS.map((key) => [key]),
  ["extensions"],
];

/** The paths of the lists of servers in a file. */
function serverLists(location: ClientLocation, document: ClientDocument): JsonPath[] {
  const { client, list = [] } = location;
  const lists = client === undefined
    ? [...LISTS]
    : client === "opencode"
    ? [["mcp", "servers"], list]
    : [list];
  if (location.hasProjects || client === undefined) {
    const projects = document.getKeys(["projects"]) ?? [];
    lists.push(...projects.map((name) => ["projects", name, "mcpServers"]));
  }
  const isList = (path: JsonPath) => {
    const keys = document.getKeys(path);
    if (keys === undefined || path.join() !== "mcp,servers") return keys !== undefined;
    // A server may be called `servers`.
    return !["command", "url", "type"].some((key) => keys.includes(key));
  };
  const found = lists.filter(isList);
  const isNested = found.some((path) => path.join() === "mcp,servers");
  if (isNested) return found.filter((path) => path.join() !== "mcp");
  if (found.length > 0 || client !== undefined) return found;
  // Servers by name, with nothing around them.
  const names = document.getKeys([]) ?? [];
  const isServer = (name: string) =>
    ["command", "url"].some((key) => document.getValue([name, key]) !== undefined);
  return names.length > 0 && names.every(isServer) ? [[]] : [];
}

function projectOf(location: ClientLocation, path: JsonPath, cwd: string): string | undefined {
  if (path[0] === "projects") return String(path[1]);
  return location.scope === "project" ? cwd : undefined;
}

/** The agent of an entry that starts the gateway, if it names one; `undefined` for other servers. */
function gatewayIn(
  name: string,
  { command, args, cwd }: JsonRecord,
  { machine, program }: FindOptions,
): { readonly agent?: string } | undefined {
  const words = typeof command === "string" ? [command] : [];
  words.push(...(Array.isArray(args) ? args.map(String) : []));
  const folder = resolvePath(machine.cwd, typeof cwd === "string" ? cwd : ".");
  const start = findStart(words, { cwd: folder, program });
  if (start === undefined) return name === LONG_NAME ? {} : undefined;
  const at = start.args.findIndex((arg) => /^--agent(?:=|$)/.test(arg));
  const agent = start.args[at]?.split("=")[1] ?? start.args[at + 1];
  return at < 0 || agent === undefined ? {} : { agent };
}

function checkEntry(name: string, entry: JsonRecord): string[] {
  // The key is computed, so that `__proto__` is a name like any other.
  const text = JSON.stringify({ mcpServers: { [name]: entry } });
  return checkText("servers", { file: "", text }).map(({ message }) => message);
}
