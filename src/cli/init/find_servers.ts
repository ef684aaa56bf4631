import { abbreviateHome, OTHER_SERVERS_KEYS, type Program } from "../../config/mod.ts";
import { checkText, type ClientDocument } from "../../config/editing/mod.ts";
import { formatProblem } from "../../errors.ts";
import { type Language, languageOf, parseClientFile } from "./client_text.ts";
import type { ClientLocation, Machine } from "./clients.ts";
import type { Disk } from "./disk.ts";
import {
  describeUnsharedEntry,
  FALLBACK_NAME,
  GATEWAY_NAME,
  recognizeGateway,
  type UnsharedEntry,
} from "./existing_entry.ts";
import {
  type ImportedEntry,
  importEntry,
  isRecord,
  type JsonPath,
  type JsonRecord,
} from "./import_entry.ts";

/** A client's file. */
export interface ClientFile extends ClientLocation {
  /** The path with `~` for the home folder. */
  readonly displayPath: string;
  readonly language: Language;
  /** Whether the client is installed but the file does not exist yet. */
  readonly isNew: boolean;
  /** The name that the gateway's entry has, or would get. */
  readonly entryName: string;
  /** Variables of the gateway's entry, if the file has one already. */
  readonly entryEnv?: JsonRecord;
  /** The agent that the gateway's entry names. */
  readonly entryAgent?: string;
  /** The gateway's entries, also those of single projects, that share no gateway. */
  readonly unsharedEntries: readonly UnsharedEntry[];
}

/** A server in a client's file. */
export interface FoundServer extends ImportedEntry {
  readonly name: string;
  readonly file: ClientFile;
  /** Path of the entry inside the file. */
  readonly at: JsonPath;
  /** The folder of the project, if the server is for one project only. */
  readonly project?: string;
}

/** The result of the search. */
export interface FoundServers {
  /** Files that could be read, and files to create. */
  readonly files: readonly ClientFile[];
  readonly servers: readonly FoundServer[];
  /** One line for each file or entry that could not be read or used. */
  readonly problems: readonly string[];
  /** One line for each entry that is not a server to import. */
  readonly remarks: readonly string[];
}

/** Options of `findServers`. */
export interface FindOptions {
  readonly machine: Machine;
  readonly disk: Disk;
  /** Recognizes entries that start the gateway itself. */
  readonly program: Program;
  /** Paths of the gateway's own files. */
  readonly gatewayFiles: readonly string[];
}

/**
 * Reads the servers of all clients. A damaged file becomes a problem in the result. For an installed
 * client without a file, the result contains the file to create, marked as new.
 */
export async function findServers(
  locations: readonly ClientLocation[],
  options: FindOptions,
): Promise<FoundServers> {
  const result: Mutable<FoundServers> = { files: [], servers: [], problems: [], remarks: [] };
  const clientsWithFile = new Set<string | undefined>();
  const resolvedLocations = locations.flatMap((location) => resolveFolder(location, options.disk));
  const readPaths = new Set<string>();
  for (const location of resolvedLocations) {
    if (options.gatewayFiles.includes(location.path) || !options.disk.isThere(location.path)) {
      continue;
    }
    // If the working folder is the home folder, the same path is a user's and a project's file.
    if (readPaths.has(location.path)) continue;
    readPaths.add(location.path);
    if (location.scope === "user") clientsWithFile.add(location.client);
    await readLocation(location, result, options);
  }
  for (const location of resolvedLocations) {
    if (
      location.client === undefined || location.scope !== "user" ||
      clientsWithFile.has(location.client)
    ) {
      continue;
    }
    clientsWithFile.add(location.client);
    if (isInstalled(location, options)) result.files.push(newFile(location, options));
  }
  return result;
}

/** Whether the client is installed: the folder of its file exists, and is not the home folder itself. */
function isInstalled({ path }: ClientLocation, { disk, machine }: FindOptions): boolean {
  const folder = path.replace(/[/\\][^/\\]*$/, "");
  return folder !== machine.home && disk.isThere(folder);
}

function newFile(location: ClientLocation, { machine }: FindOptions): ClientFile {
  return {
    ...location,
    displayPath: abbreviateHome(location.path, machine.home),
    language: languageOf(location.path),
    isNew: true,
    entryName: GATEWAY_NAME,
    unsharedEntries: [],
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };

/** Returns a location for each folder that matches the `*` in a path. */
function resolveFolder(location: ClientLocation, disk: Disk): ClientLocation[] {
  const [before = "", after] = location.path.split("*", 2);
  if (after === undefined || location.client === undefined) return [location];
  return disk.list(before.slice(0, -1)).map((name) => ({
    ...location,
    path: before + name + after,
  }));
}

async function readLocation(
  location: ClientLocation,
  result: Mutable<FoundServers>,
  options: FindOptions,
): Promise<void> {
  const { displayPath, language } = newFile(location, options);
  const content = options.disk.read(location.path);
  if ("failure" in content) {
    result.problems.push(`${displayPath}: ${content.failure}`);
    return;
  }
  const { document, problems } = await parseClientFile(
    { file: displayPath, text: content.text },
    language,
  );
  result.problems.push(...problems.map(formatProblem));
  if (document === undefined) return;
  const serversPaths = findServersPaths(location, document);
  if (location.client === undefined && serversPaths.length === 0) {
    result.problems.push(
      `${displayPath}: it contains no list of servers: init looks for mcpServers, ` +
        `${OTHER_SERVERS_KEYS.join(", ")} and extensions`,
    );
    return;
  }
  const count = serversPaths.reduce((sum, path) => sum + (document.getKeys(path)?.length ?? 0), 0);
  if (count > MAX_SERVERS) {
    result.problems.push(
      `${displayPath}: left out, because it has ${count} servers and init takes at most ` +
        `${MAX_SERVERS} from a file: split it, and run init --from FILE for each part`,
    );
    return;
  }
  const gatewayEntries: {
    readonly name: string;
    readonly env: JsonRecord;
    readonly agent?: string;
  }[] = [];
  const unsharedEntries: UnsharedEntry[] = [];
  const servers: Omit<FoundServer, "file">[] = [];
  for (const path of serversPaths) {
    for (const name of document.getKeys(path) ?? []) {
      const at = [...path, name];
      const report = (message: string) =>
        result.problems.push(formatProblem(document.createProblem(at, `left out: ${message}`)));
      const leaveOut = (reason: string) =>
        result.remarks.push(`${displayPath}: left out ${JSON.stringify(name)}, which is ${reason}`);
      const value = document.getValue(at);
      if (!isRecord(value)) {
        report("expected an object");
        continue;
      }
      if (BUILT_IN_TYPES.has(String(value.type))) {
        leaveOut("built into the client");
        continue;
      }
      const project = projectOf(location, path, options.machine.cwd);
      const owner = project === undefined ? {} : { project };
      const origin = {
        windows: options.machine.os === "windows",
        ...owner,
        ...(location.client !== undefined && { client: location.client }),
      };
      const importedEntry = importEntry(value, origin);
      const context = { name, cwd: options.machine.cwd, program: options.program };
      const gateway = recognizeGateway(importedEntry.entry, context);
      if (gateway !== undefined) {
        if (gateway.args !== undefined && !gateway.isShared) {
          const readArgs = (entry: JsonRecord) =>
            recognizeGateway(importEntry(entry, origin).entry, context)?.args;
          unsharedEntries.push(describeUnsharedEntry(value, { at, language, readArgs }));
        }
        const env = isRecord(importedEntry.entry.env) ? importedEntry.entry.env : {};
        if (path[0] !== "projects") gatewayEntries.push({ name, env, ...gateway });
        leaveOut("the gateway itself");
        continue;
      }
      const faults = checkEntry(name, importedEntry.entry);
      for (const fault of faults) report(fault);
      if (faults.length === 0) servers.push({ ...importedEntry, ...owner, name, at });
    }
  }
  const [gateway] = gatewayEntries;
  const isNameTaken = servers.some(({ name, at }) => at[0] !== "projects" && name === GATEWAY_NAME);
  const serversPath = serversPaths.find((path) => path[0] !== "projects") ?? location.serversPath;
  const file: ClientFile = {
    ...location,
    ...(serversPath !== undefined && { serversPath }),
    displayPath,
    language,
    isNew: false,
    entryName: gateway?.name ?? (isNameTaken ? FALLBACK_NAME : GATEWAY_NAME),
    ...(gateway !== undefined && { entryEnv: gateway.env }),
    ...(gateway?.agent !== undefined && { entryAgent: gateway.agent }),
    unsharedEntries,
  };
  result.files.push(file);
  result.servers.push(...servers.map((server) => ({ ...server, file })));
}

/** Maximum number of servers in a file. Nobody has that many, and checking one takes up to 1 ms. */
const MAX_SERVERS = 1000;

/** Types of Goose's entries that are not servers. */
const BUILT_IN_TYPES = new Set(["builtin", "platform", "frontend"]);

/** The paths at which the file of an unknown client may list its servers. */
const SERVERS_PATHS: readonly JsonPath[] = [
  ["mcpServers"],
  ["mcp", "servers"],
  ...OTHER_SERVERS_KEYS.map((key) => [key]),
  ["extensions"],
];

/** Returns the paths at which a file lists servers. */
function findServersPaths(location: ClientLocation, document: ClientDocument): JsonPath[] {
  const { client, serversPath = [] } = location;
  const clientPaths = client === "opencode" ? [["mcp", "servers"], serversPath] : [serversPath];
  const candidates = client === undefined ? [...SERVERS_PATHS] : clientPaths;
  if (location.hasProjects || client === undefined) {
    const projects = document.getKeys(["projects"]) ?? [];
    candidates.push(...projects.map((name) => ["projects", name, "mcpServers"]));
  }
  const listsServers = (path: JsonPath) => {
    const keys = document.getKeys(path);
    if (keys === undefined || path.join() !== "mcp,servers") return keys !== undefined;
    // With one of these keys, `mcp.servers` is a server that is called `servers`.
    return !["command", "url", "type"].some((key) => keys.includes(key));
  };
  const existingPaths = candidates.filter(listsServers);
  const isNested = existingPaths.some((path) => path.join() === "mcp,servers");
  if (isNested) return existingPaths.filter((path) => path.join() !== "mcp");
  if (existingPaths.length > 0 || client !== undefined) return existingPaths;
  // The file may consist of the servers by name only.
  const names = document.getKeys([]) ?? [];
  const isServer = (name: string) =>
    ["command", "url"].some((key) => document.getValue([name, key]) !== undefined);
  return names.length > 0 && names.every(isServer) ? [[]] : [];
}

function projectOf(location: ClientLocation, path: JsonPath, cwd: string): string | undefined {
  if (path[0] === "projects") return String(path[1]);
  return location.scope === "project" ? cwd : undefined;
}

function checkEntry(name: string, entry: JsonRecord): string[] {
  // A computed key, because `__proto__: entry` would set the prototype.
  const text = JSON.stringify({ mcpServers: { [name]: entry } });
  return checkText("servers", { file: "", text }).map(({ message }) => message);
}
