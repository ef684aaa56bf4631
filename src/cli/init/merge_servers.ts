import { programOf } from "../../config/mod.ts";
import type { FoundServer } from "./find_servers.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";
import { targetOf } from "./describe_server.ts";

/** A server that can be taken over, under a name of its own. */
export interface OfferedServer {
  /** The name behind the gateway, unique among all that are offered and those that are there. */
  readonly name: string;
  readonly server: FoundServer;
  /** Every occurrence of the same server. */
  readonly sources: readonly FoundServer[];
  /** Whether the gateway has another server of the original name already. */
  readonly clashes: boolean;
}

/** Keys by which two entries are the same server. */
const DECISIVE = ["command", "args", "env", "cwd", "url", "headers", "disabled", "gateway"];

/**
 * Merges equal entries. Of different ones with the same name the first keeps it; the others get the
 * name of their project or client appended. A user's own files come before those of a project.
 *
 * @param kept The servers that the gateway has already, by name; equal ones are not offered.
 */
export function mergeServers(
  servers: readonly FoundServer[],
  kept: Readonly<Record<string, JsonRecord>>,
): OfferedServer[] {
  const rank = ({ file, project }: FoundServer) =>
    file.scope === "project" ? 2 : project === undefined ? 0 : 1;
  const known = new Set(Object.values(kept).map(entryIdentity));
  const added = servers.filter(({ entry }) => !known.has(entryIdentity(entry)))
    .toSorted((one, two) => rank(one) - rank(two));
  const groups = Map.groupBy(added, ({ name, entry }) => {
    return JSON.stringify([name, entryIdentity(entry)]);
  });
  const originals = new Set([...groups.values()].flatMap(([first]) => first?.name ?? []));
  const taken = new Set([...Object.keys(kept), ...originals]);
  const free = new Set([...originals].filter((name) => !Object.hasOwn(kept, name)));
  return [...groups.values()].flatMap((sources) => {
    const [server] = sources;
    if (server === undefined) return [];
    const clashes = Object.hasOwn(kept, server.name);
    if (free.delete(server.name)) return [{ name: server.name, server, sources, clashes }];
    const name = distinctName(server, taken);
    taken.add(name);
    return [{ name, server, sources, clashes }];
  });
}

function distinctName(
  { name, project, file, at }: FoundServer,
  taken: ReadonlySet<string>,
): string {
  const owner = at[0] === "projects" && project !== undefined
    ? project.replace(/[/\\]+$/, "")
    : file.client ?? file.path;
  const [last = ""] = owner.split(/[/\\]/).slice(-1);
  const wanted = `${name}-${last.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || "other"}`;
  let free = wanted;
  for (let number = 2; taken.has(free); number++) free = `${wanted}-${number}`;
  return free;
}

/** Makes a text that is equal for equal entries. */
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

/** Describes a server in a choice: what it runs and which file names it, without its secrets. */
export function describeServer({ name, server }: OfferedServer, home: string): string {
  const { entry, file, project } = server;
  const isOfProject = server.at[0] === "projects" && project !== undefined;
  const where = isOfProject ? `${file.title}, for ${project}` : file.title;
  const folder = file.scope === "project" ? " (this folder)" : "";
  const renamed = name === server.name
    ? ""
    : ` · called "${server.name}" there; another server has that name`;
  const target = entry.command === undefined ? "" : targetOf(entry, home);
  const on = target === "" ? "" : ` · ${target}`;
  return `${programOf(entry).name}${on} · ${where}${folder}${renamed}`;
}

/** Makes a line for each project whose servers will no longer be for that project only. */
export function scopeLines(servers: readonly OfferedServer[]): string[] {
  const byProject = Map.groupBy(servers, ({ server }) => server.project);
  return [...byProject].filter(([project]) => project !== undefined).map(([project, of]) => {
    const [was, it] = of.length === 1 ? ["was", "it"] : ["were", "them"];
    return `${
      of.map(({ name }) => name).join(", ")
    } ${was} for the project ${project} only. The gateway offers ${it} in ` +
      "every project where it is used, to each agent that the rules allow";
  });
}
