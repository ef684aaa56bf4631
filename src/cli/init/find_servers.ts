import { findStart, type Program } from "../../config/mod.ts";
import { checkText, type ClientDocument, parseClientText } from "../../config/texts/mod.ts";
import { formatProblem } from "../../errors.ts";
import type { ClientPlace, Machine } from "./clients.ts";
import type { Disk } from "./disk.ts";
import {
  type ImportedEntry,
  importEntry,
  isRecord,
  type JsonPath,
  type JsonRecord,
} from "./import_entry.ts";

/** The name of the gateway's entry in a client. */
export const GATEWAY_NAME = "agent-mcp-gateway";

/** A client's file that could be read. */
export interface ClientFile extends ClientPlace {
  /** The path for people: home as `~`. */
  readonly shown: string;
  /** Where its servers stand. */
  readonly key: "mcpServers" | "servers";
  /** The gateway's entry, where it stands in it already. */
  readonly gateway?: { readonly name: string; readonly env: JsonRecord };
}

/** A server that stands in a client's file. */
export interface FoundServer extends ImportedEntry {
  /** Its name. */
  readonly name: string;
  /** The file that it stands in. */
  readonly file: ClientFile;
  /** Where it stands in the file. */
  readonly at: JsonPath;
  /** The project that it is for, where it stands under one. */
  readonly project?: string;
}

/** All that was found. */
export interface Found {
  /** Files that could be read. */
  readonly files: readonly ClientFile[];
  /** Servers that can be taken over, in the order of clients and files. */
  readonly servers: readonly FoundServer[];
  /** What could not be read or used, a line each. */
  readonly problems: readonly string[];
  /** What was left out on purpose, a line each. */
  readonly remarks: readonly string[];
}

/** What finding servers needs to know. */
export interface FindOptions {
  /** The machine, which need not be this one. */
  readonly machine: Machine;
  /** Where files are read. */
  readonly disk: Disk;
  /** How the gateway itself is recognised. */
  readonly program: Program;
  /** Files that are the gateway's own. */
  readonly own: readonly string[];
}

/** Reads the servers of all clients; a file that is damaged is told, and the others count. */
export function findServers(places: readonly ClientPlace[], options: FindOptions): Found {
  const found: Mutable<Found> = { files: [], servers: [], problems: [], remarks: [] };
  for (const place of places.flatMap((one) => resolveFolder(one, options.disk))) {
    if (!options.own.includes(place.path) && options.disk.isThere(place.path)) {
      readPlace(place, found, options);
    }
  }
  return found;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };

/** The places that a `*` in a path may stand for. */
function resolveFolder(place: ClientPlace, disk: Disk): ClientPlace[] {
  const [before = "", after] = place.path.split("*", 2);
  if (after === undefined || place.client === undefined) return [place];
  return disk.list(before.slice(0, -1)).map((name) => ({ ...place, path: before + name + after }));
}

/** A path for people. */
export function showPath(path: string, home: string): string {
  const rest = path.slice(home.length);
  return path.startsWith(home) && /^[/\\]/.test(rest) ? `~${rest}` : path;
}

function readPlace(place: ClientPlace, found: Mutable<Found>, options: FindOptions): void {
  const shown = showPath(place.path, options.machine.home);
  const read = options.disk.read(place.path);
  if ("failure" in read) {
    found.problems.push(`${shown}: ${read.failure}`);
    return;
  }
  const { document, problems } = parseClientText(shown, read.text);
  found.problems.push(...problems.map(formatProblem));
  if (document === undefined) return;
  const lists = serverLists(place, document);
  const key = lists.some(([first]) => first === "servers") || place.client === "vscode"
    ? "servers"
    : "mcpServers";
  const known: ClientFile = { ...place, shown, key };
  const gateways: NonNullable<ClientFile["gateway"]>[] = [];
  const servers: FoundServer[] = [];
  for (const path of lists) {
    for (const name of document.keysAt(path) ?? []) {
      const at = [...path, name];
      const problem = (message: string) => formatProblem(document.problem(at, message));
      const value = document.valueAt(at);
      if (!isRecord(value)) {
        found.problems.push(problem("left out: expected an object"));
      } else if (isGateway(name, value, options)) {
        const env = isRecord(value.env) ? value.env : {};
        if (path.length === 1) gateways.push({ name, env });
        found.remarks.push(
          `${shown}: left out ${JSON.stringify(name)}, which is the gateway itself`,
        );
      } else {
        const project = projectOf(place, path, options.machine.cwd);
        const windows = options.machine.os === "windows";
        const origin = project === undefined ? {} : { project };
        const imported = importEntry(value, { windows, ...origin });
        const faults = checkEntry(name, imported.entry);
        found.problems.push(...faults.map((fault) => problem(`left out: ${fault}`)));
        if (faults.length === 0) servers.push({ ...imported, ...origin, name, file: known, at });
      }
    }
  }
  const [gateway] = gateways;
  const file = gateway === undefined ? known : { ...known, gateway };
  found.files.push(file);
  found.servers.push(...servers.map((server) => ({ ...server, file })));
}

/** Where servers may stand in a file; those of the working folder's project before others'. */
function serverLists(place: ClientPlace, document: ClientDocument): JsonPath[] {
  const lists: JsonPath[] = place.client === undefined
    ? [["mcpServers"], ["servers"], ["mcp", "servers"]]
    : [[place.client === "vscode" ? "servers" : "mcpServers"]];
  if (place.hasProjects || place.client === undefined) {
    const projects = document.keysAt(["projects"]) ?? [];
    lists.push(...projects.map((name) => ["projects", name, "mcpServers"]));
  }
  return lists.filter((path) => document.keysAt(path) !== undefined);
}

function projectOf(place: ClientPlace, path: JsonPath, cwd: string): string | undefined {
  if (path[0] === "projects") return String(path[1]);
  return place.scope === "project" ? cwd : undefined;
}

function isGateway(name: string, entry: JsonRecord, { machine, program }: FindOptions): boolean {
  if (name === GATEWAY_NAME) return true;
  const { command, args } = entry;
  if (typeof command !== "string") return false;
  const words = [command, ...(Array.isArray(args) ? args.map(String) : [])];
  return findStart(words, machine.cwd, program) !== undefined;
}

function checkEntry(name: string, entry: JsonRecord): string[] {
  // The key is computed, so that `__proto__` is a name like any other.
  const text = JSON.stringify({ mcpServers: { [name]: entry } });
  return checkText("servers", "", text).map(({ message }) => message);
}
