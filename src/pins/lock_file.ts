import { canonicalJson } from "../canonical_json.ts";
import { layOutJson } from "../json_layout.ts";
import { isRecord } from "../json.ts";
import { escapeJson } from "../text.ts";

/** The version of the format. */
const VERSION = 1;

/** Number of levels that are laid out, ten of them for a definition. */
const MAX_LEVELS = 16;

/** The kinds of items that are pinned: the keys of a server in the lock file. */
export const PINNED_KINDS = ["tools", "resourceTemplates", "prompts"] as const;

/** A kind of items that are pinned. */
export type PinnedKind = typeof PINNED_KINDS[number];

/** A pin: the accepted definition of an item. */
export interface Pin {
  /** SHA-256 of the canonical definition, in hexadecimal. */
  readonly sha256: string;
  /** The definition, without `_meta` and icons; for showing differences only. */
  readonly definition: Readonly<Record<string, unknown>>;
}

/** The name and version by which a server introduces itself. */
export interface PinnedServerInfo {
  /** The name. */
  readonly name?: string;
  /** The version. */
  readonly version?: string;
}

/** The pins of a server: of each kind, by name. */
export type ServerPins = Readonly<Record<PinnedKind, ReadonlyMap<string, Pin>>>;

/** The hashes of the pins of a server, which are enough to enforce them: of each kind, by name. */
export type PinnedHashes = Readonly<Record<PinnedKind, ReadonlyMap<string, string>>>;

/** A server in the lock file. */
export interface LockedServer {
  /** The name and version by which it introduced itself when it was pinned. */
  readonly serverInfo: PinnedServerInfo;
  /** Its pins. */
  readonly pins: ServerPins;
}

/** The pinned servers by name. */
export type LockFile = ReadonlyMap<string, LockedServer>;

/** The content of a lock file, or the reason why it cannot be used. */
export type ParsedLockFile = { readonly lockFile: LockFile } | { readonly failure: string };

/**
 * Reads the text of a lock file. Anything unexpected in it is a failure: it may be meant as a pin, which would not be
 * enforced.
 */
export function parseLockFile(text: string): ParsedLockFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { failure: `it is not JSON: ${error instanceof Error ? error.message : error}` };
  }
  if (!isRecord(value)) return { failure: "it is not a JSON object" };
  if (value.version !== VERSION) {
    return {
      failure: `its "version" is not ${VERSION}, so another release of the gateway wrote it`,
    };
  }
  const unknownKey = findUnknownKey(value, FILE_KEYS);
  if (unknownKey !== undefined) return { failure: `it has the unknown key ${unknownKey}` };
  if (!isRecord(value.servers)) return { failure: 'it has no object "servers"' };
  const lockFile = new Map<string, LockedServer>();
  for (const [name, entry] of Object.entries(value.servers)) {
    const server = readServer(entry, `servers[${JSON.stringify(name)}]`);
    if ("failure" in server) return server;
    lockFile.set(name, server);
  }
  return { lockFile };
}

/** The keys of the lock file, and of a server in it. */
const FILE_KEYS: readonly string[] = ["version", "servers"];
const SERVER_KEYS: readonly string[] = ["serverInfo", ...PINNED_KINDS];

/** Returns the first key that is not known, as JSON. */
function findUnknownKey(value: object, known: readonly string[]): string | undefined {
  return JSON.stringify(Object.keys(value).find((key) => !known.includes(key)));
}

function readServer(value: unknown, path: string): LockedServer | { readonly failure: string } {
  if (!isRecord(value)) return { failure: `${path} is not an object` };
  const unknownKey = findUnknownKey(value, SERVER_KEYS);
  if (unknownKey !== undefined) return { failure: `${path} has the unknown key ${unknownKey}` };
  const pins: Partial<Record<PinnedKind, ReadonlyMap<string, Pin>>> = {};
  for (const kind of PINNED_KINDS) {
    const items = value[kind] ?? {};
    if (!isRecord(items)) return { failure: `${path}.${kind} is not an object` };
    const pinsOfKind = new Map<string, Pin>();
    for (const [name, pin] of Object.entries(items)) {
      if (!isPin(pin)) {
        const pinPath = `${path}.${kind}[${JSON.stringify(name)}]`;
        return { failure: `${pinPath} is not a pin with "sha256" and "definition"` };
      }
      pinsOfKind.set(name, pin);
    }
    pins[kind] = pinsOfKind;
  }
  const { serverInfo = {} } = value;
  if (!isServerInfo(serverInfo)) {
    return { failure: `${path}.serverInfo is not an object with "name" and "version"` };
  }
  return { serverInfo, pins: pins as ServerPins };
}

function isPin(value: unknown): value is Pin {
  return isRecord(value) && typeof value.sha256 === "string" &&
    /^[0-9a-f]{64}$/.test(value.sha256) && isRecord(value.definition);
}

function isServerInfo(value: unknown): value is PinnedServerInfo {
  return isRecord(value) &&
    ["string", "undefined"].includes(typeof value.name) &&
    ["string", "undefined"].includes(typeof value.version);
}

/** Returns the hashes of pins, without the definitions. */
export function hashesOf(pins: ServerPins): PinnedHashes {
  const hashes = (kind: PinnedKind) =>
    new Map(Array.from(pins[kind], ([name, { sha256 }]) => [name, sha256]));
  return {
    tools: hashes("tools"),
    resourceTemplates: hashes("resourceTemplates"),
    prompts: hashes("prompts"),
  };
}

/**
 * Writes a lock file: one member a line and in a fixed order, so that version control shows what changed. Characters
 * that a reader would not see are escaped.
 */
export function formatLockFile(lockFile: LockFile): string {
  const servers = sortByName(lockFile).map(([name, { serverInfo, pins }]) => {
    const kinds = PINNED_KINDS.filter((kind) => pins[kind].size > 0)
      .map((kind) => formatMember(kind, formatObject(sortByName(pins[kind]).map(formatPin))));
    return formatMember(
      name,
      formatObject([formatMember("serverInfo", JSON.stringify(serverInfo)), ...kinds]),
    );
  });
  const text = formatObject([
    formatMember("version", `${VERSION}`),
    formatMember("servers", formatObject(servers)),
  ]);
  // A definition may be nested so deeply that indents would make gigabytes of it, or overflow the stack.
  return `${escapeJson(layOutJson(text, { levels: MAX_LEVELS }))}\n`;
}

function formatPin([name, { sha256, definition }]: readonly [string, Pin]): string {
  const members = [
    formatMember("sha256", JSON.stringify(sha256)),
    formatMember("definition", canonicalJson(definition)),
  ];
  return formatMember(name, formatObject(members));
}

function formatMember(key: string, json: string): string {
  return `${JSON.stringify(key)}:${json}`;
}

function formatObject(members: readonly string[]): string {
  return `{${members.join(",")}}`;
}

/** Sorts by UTF-16 code units, which is the same in every language. */
function sortByName<T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  return [...entries].sort(([one], [other]) => one < other ? -1 : one > other ? 1 : 0);
}
