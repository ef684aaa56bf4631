import { escapeControls } from "../../text.ts";
import { programOf } from "../../config/mod.ts";
import { OWN_SERVER } from "../../own_server.ts";
import type { FoundServer } from "./find_servers.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";
import { targetOf } from "./suggest_description.ts";

/** A server that can be imported, with a unique name. */
export interface OfferedServer {
  /** The name behind the gateway, unique among the offered and the existing servers. */
  readonly name: string;
  readonly server: FoundServer;
  /** Every entry of the same server in the clients' files. */
  readonly sources: readonly FoundServer[];
  /** Whether the gateway already has another server with the original name. */
  readonly hasNameClash: boolean;
}

/** The keys whose values are equal in two entries of the same server. */
const IDENTITY_KEYS = ["command", "args", "env", "cwd", "url", "headers", "disabled", "gateway"];

/**
 * Merges equal entries. If different entries have the same name, the first keeps it, and the name of the
 * project or client is appended to the others. It is also appended to an entry that has the name of the gateway's own
 * server. Users' files come before files of projects.
 *
 * @param existing The gateway's present servers by name; equal entries are not offered.
 */
export function mergeServers(
  servers: readonly FoundServer[],
  existing: Readonly<Record<string, JsonRecord>>,
): OfferedServer[] {
  const rank = ({ file, project }: FoundServer) => {
    if (file.scope === "project") return 2;
    return project === undefined ? 0 : 1;
  };
  const existingIdentities = new Set(Object.values(existing).map(entryIdentity));
  const newServers = servers.filter(({ entry }) => !existingIdentities.has(entryIdentity(entry)))
    .toSorted((one, two) => rank(one) - rank(two));
  const groups = Map.groupBy(newServers, ({ name, entry }) => {
    return JSON.stringify([name, entryIdentity(entry)]);
  });
  const originalNames = new Set([...groups.values()].flatMap(([first]) => first?.name ?? []));
  const takenNames = new Set([...Object.keys(existing), ...originalNames]);
  const freeNames = new Set(
    [...originalNames].filter((name) => name !== OWN_SERVER && !Object.hasOwn(existing, name)),
  );
  return [...groups.values()].flatMap((sources) => {
    const [server] = sources;
    if (server === undefined) return [];
    const hasNameClash = Object.hasOwn(existing, server.name);
    if (freeNames.delete(server.name)) {
      return [{ name: server.name, server, sources, hasNameClash }];
    }
    const name = chooseName(server, takenNames);
    takenNames.add(name);
    return [{ name, server, sources, hasNameClash }];
  });
}

/** Returns a name that is not taken: with the project or the client, and with a number if necessary. */
function chooseName(
  { name, project, file, at }: FoundServer,
  takenNames: ReadonlySet<string>,
): string {
  const owner = at[0] === "projects" && project !== undefined
    ? project.replace(/[/\\]+$/, "")
    : file.client ?? file.path;
  const [last = ""] = owner.split(/[/\\]/).slice(-1);
  const preferredName = `${name}-${
    last.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || "other"
  }`;
  let candidateName = preferredName;
  for (let number = 2; takenNames.has(candidateName); number++) {
    candidateName = `${preferredName}-${number}`;
  }
  return candidateName;
}

/** Returns a text that is the same for entries of the same server. */
export function entryIdentity(entry: JsonRecord): string {
  const transport = [entry.type, entry.transport].includes("sse") ? "sse" : "";
  const values = IDENTITY_KEYS.map((key) => {
    const value = entry[key];
    return value === undefined || isEmpty(value) ? null : sortKeys(value);
  });
  return JSON.stringify([transport, ...values]);
}

/** Whether a value means the same as a missing key. */
function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === false || (isRecord(value) && Object.keys(value).length === 0);
}

function sortKeys(value: Json | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => sortKeys(item));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, sortKeys(item)] as const);
  return entries.toSorted(([one], [two]) => one < two ? -1 : 1);
}

/** Describes an offered server: its program, what it works on, and its client. Contains no secrets. */
export function describeChoice({ name, server }: OfferedServer, home: string): string {
  const { entry, file, project } = server;
  const isOfProject = server.at[0] === "projects" && project !== undefined;
  const origin = isOfProject ? `${file.title}, for ${project}` : file.title;
  const folder = file.scope === "project" ? " (this folder)" : "";
  const renamedNote = name === server.name
    ? ""
    : ` · called "${server.name}" there; ${ownerOfName(server.name)} has that name`;
  const target = entry.command === undefined ? "" : targetOf(entry, home);
  const targetText = target === "" ? "" : ` · ${target}`;
  return `${programOf(entry).name}${targetText} · ${origin}${folder}${renamedNote}`;
}

/** Names the server that already has a name, so that another one is imported under a different name. */
export function ownerOfName(name: string): string {
  return name === OWN_SERVER ? "the gateway's own server" : "another server";
}

/** Returns a line for each project whose servers will be available in all projects. */
export function scopeLines(servers: readonly OfferedServer[]): string[] {
  const byProject = Map.groupBy(servers, ({ server }) => server.project);
  return [...byProject].filter(([project]) => project !== undefined).map(([project, group]) => {
    const [was, it] = group.length === 1 ? ["was", "it"] : ["were", "them"];
    const names = group.map(({ name }) => escapeControls(name)).join(", ");
    const shownProject = escapeControls(String(project));
    return `${names} ${was} for the project ${shownProject} only. The gateway offers ${it} in ` +
      "every project where it is used, to each agent that the rules allow";
  });
}
