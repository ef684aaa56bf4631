import type { FoundServer } from "./find_servers.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";

/** A server by its name, with all that goes by that name. */
export interface NamedServer {
  /** The name. */
  readonly name: string;
  /** Those that differ, the preferred one first. */
  readonly versions: readonly ServerVersion[];
}

/** Entries that say the same. */
export interface ServerVersion {
  /** The one that is taken over. */
  readonly server: FoundServer;
  /** Every place where it stands so. */
  readonly places: readonly FoundServer[];
}

/** What decides whether two entries are the same server. */
const DECISIVE = ["command", "args", "env", "cwd", "url", "headers", "disabled", "gateway"];

/**
 * Puts together what goes by one name: entries that say the same are one, others are versions to
 * choose from. A user's own files come before those of a project.
 */
export function mergeServers(servers: readonly FoundServer[]): NamedServer[] {
  const rank = ({ file, project }: FoundServer) =>
    file.scope === "project" ? 2 : project === undefined ? 0 : 1;
  const named = new Map<string, Map<string, FoundServer[]>>();
  for (const server of servers.toSorted((one, two) => rank(one) - rank(two))) {
    const versions = named.get(server.name) ?? new Map<string, FoundServer[]>();
    named.set(server.name, versions);
    const what = entryIdentity(server.entry);
    versions.set(what, [...versions.get(what) ?? [], server]);
  }
  return [...named].map(([name, versions]) => ({
    name,
    versions: [...versions.values()].flatMap((places) =>
      places[0] === undefined ? [] : [{ server: places[0], places }]
    ),
  }));
}

/** Equal texts for entries that say the same. */
export function entryIdentity(entry: JsonRecord): string {
  const family = [entry.type, entry.transport].includes("sse") ? "sse" : "";
  const values = DECISIVE.map((key) => {
    const value = entry[key];
    const isEmpty = value === undefined || value === false ||
      (Array.isArray(value) ? value : isRecord(value) ? Object.keys(value) : [0]).length === 0;
    return isEmpty ? null : sorted(value);
  });
  return JSON.stringify([family, ...values]);
}

function sorted(value: Json | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  return entries.toSorted(([one], [two]) => one < two ? -1 : 1);
}

/** What a server is and where it stands, in a few words without its secrets. */
export function describeServer({ entry, file, project, at }: FoundServer): string {
  const { command, url } = entry;
  const what = typeof command === "string" ? command : addressOf(String(url));
  const where = at[0] === "projects" ? `${file.title}, for ${project}` : file.title;
  return `${what} · ${where}${file.scope === "project" ? " (this folder)" : ""}`;
}

/** An address without what may be secret in it. */
function addressOf(url: string): string {
  const { origin, pathname } = URL.parse(url) ?? { origin: "", pathname: "" };
  return origin === "" ? "remote" : origin + pathname;
}
