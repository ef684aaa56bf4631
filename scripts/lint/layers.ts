/**
 * The layers of `src/`, which decide which file may import which. Add a new folder of `src/` here.
 */

import { dirname, isAbsolute, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";

/**
 * The layers from top to bottom. A file may import from its own folder and from lower layers. Folders
 * in the same layer are siblings: they never import one another.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ["main.ts"],
  ["cli"],
  ["gateway/daemon"],
  ["gateway"],
  ["gateway/tools", "gateway/http"],
  ["relay"],
  ["policy", "downstream", "limits", "approvals", "audit", "metrics", "code"],
  ["downstream/causes", "code/child"],
  ["shared_socket"],
  ["config/editing", "config/startup"],
  ["config"],
  ["processes"],
  [
    "jsonrpc",
    "pins",
    "wildcards",
    "errors.ts",
    "log.ts",
    "similar_names.ts",
    "redact.ts",
    "trace.ts",
  ],
  [
    "fair_queue.ts",
    "file_lock.ts",
    "json_layout.ts",
    "line_queue.ts",
    "untrusted_fetch.ts",
    "otlp_exporter.ts",
    "reserved_meta.ts",
    "standard_streams.ts",
  ],
  [
    "absolute_path.ts",
    "address_kind.ts",
    "agent_id.ts",
    "argument_pointer.ts",
    "atomic_file.ts",
    "budget.ts",
    "bytes.ts",
    "canonical_json.ts",
    "code_sandbox.ts",
    "decimal.ts",
    "exact_json.ts",
    "fair_share.ts",
    "long_work.ts",
    "file_identity.ts",
    "hidden_commands.ts",
    "program_files.ts",
    "host_name.ts",
    "json.ts",
    "loopback.ts",
    "own_server.ts",
    "revisions.ts",
    "rounding.ts",
    "severity.ts",
    "sha256.ts",
    "signals.ts",
    "sleep_watch.ts",
    "text.ts",
    "tool_entry.ts",
    "version.ts",
    "within.ts",
  ],
];

/**
 * Subfolders that are entered through their own `mod.ts` from all layers above, so that they are not
 * loaded together with the rest of their folder.
 */
const ENTRY_SUBFOLDERS: readonly string[] = [
  "config/editing",
  "config/startup",
  "downstream/causes",
  "code/child",
  "gateway/daemon",
];

const RANKED_LAYERS = LAYERS.flatMap((names, rank) => names.map((name) => ({ name, rank })))
  // The longest name is first, so that a file of gateway/tools does not match gateway.
  .sort((a, b) => b.name.length - a.name.length);

/** A folder of `src/`, or a file directly in it, with the number of layers above it. */
export interface Layer {
  readonly name: string;
  readonly rank: number;
}

/** Finds the layer of a path relative to `src/`, such as `policy/match.ts`. */
export function findLayer(path: string): Layer | undefined {
  return RANKED_LAYERS.find(({ name }) => path === name || path.startsWith(`${name}/`));
}

const ROOT = toSlashes(fileURLToPath(new URL("../../", import.meta.url)));

/** Returns the path of a linted file relative to the repository, with `/` on every platform. */
export function repositoryPath(filename: string): string {
  const path = toSlashes(filename);
  return isAbsolute(path) || /^[A-Za-z]:\//.test(path) ? relative(ROOT, path) : path;
}

/** Returns the path of a linted file relative to `src/`; undefined for other files. */
export function sourcePath(filename: string): string | undefined {
  const path = repositoryPath(filename);
  return path.startsWith("src/") ? path.slice("src/".length) : undefined;
}

/** Data files outside `src/` that the program imports. */
const IMPORTED_DATA_FILES = [
  "../deno.json",
  "../config/servers.schema.json",
  "../config/rules.schema.json",
];

/** Describes the fault of an import of `specifier` in the file `from`; undefined if it has none. */
export function findImportFault(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = join(dirname(from), specifier);
  if (target.startsWith("../")) {
    return IMPORTED_DATA_FILES.includes(target) ? undefined : `src/ imports nothing outside itself`;
  }
  const source = findLayer(from);
  const layer = findLayer(target);
  if (source === undefined) return undefined; // Reported once per file.
  if (layer === undefined) return `src/${target} has no layer`;
  if (layer.name !== source.name && layer.rank <= source.rank) {
    const relation = layer.rank === source.rank ? "its sibling" : "above it";
    return `${source.name} must not import ${layer.name}, which is ${relation}`;
  }
  if (ENTRY_SUBFOLDERS.includes(layer.name) && target === `${layer.name}/mod.ts`) return undefined;
  const segments = relative(dirname(from), target).split("/").filter((part) => part !== "..");
  if (segments.length > 2 || (segments.length === 2 && segments[1] !== "mod.ts")) {
    return `the folder ${segments[0]} is entered only through its mod.ts`;
  }
  return undefined;
}

function toSlashes(path: string): string {
  return path.replaceAll("\\", "/");
}
