/**
 * Where every file of `src/` stands, and who may import whom. The one place to edit when a folder is
 * added to `src/`.
 */

import { dirname, isAbsolute, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";

/**
 * The layers from top to bottom; a file imports from its own place and from lower layers. Places
 * within one layer are siblings: they never import one another.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ["main.ts"],
  ["cli"],
  ["cli/init"],
  ["gateway"],
  ["gateway/tools", "gateway/http"],
  ["policy", "downstream", "limits", "audit", "metrics"],
  ["downstream/causes"],
  ["config/texts"],
  ["config"],
  ["jsonrpc", "wildcards", "errors.ts", "log.ts", "near_names.ts", "redact.ts", "trace.ts"],
  ["otlp_exporter.ts", "line_queue.ts"],
  [
    "bytes.ts",
    "file_identity.ts",
    "loopback.ts",
    "revisions.ts",
    "rounding.ts",
    "text.ts",
    "within.ts",
  ],
];

/**
 * Folders within another one that are entered by their own `mod.ts` from everywhere above: what they
 * load is not to be loaded with the rest of the other.
 */
const OWN_ENTRIES: readonly string[] = ["config/texts", "downstream/causes"];

const PLACES = LAYERS.flatMap((names, rank) => names.map((name) => ({ name, rank })))
  // The longest name first, so that gateway/tools is not taken for gateway.
  .sort((a, b) => b.name.length - a.name.length);

/** A folder of `src/`, or a file that stands alone in it, with its distance from the top. */
export interface Place {
  readonly name: string;
  readonly rank: number;
}

/** Finds the place of a path relative to `src/`, such as `policy/match.ts`. */
export function findPlace(path: string): Place | undefined {
  return PLACES.find(({ name }) => path === name || path.startsWith(`${name}/`));
}

const ROOT = slashes(fileURLToPath(new URL("../../", import.meta.url)));

/** Path of a linted file relative to the repository, with `/` on every system. */
export function repositoryPath(filename: string): string {
  const path = slashes(filename);
  return isAbsolute(path) || /^[A-Za-z]:\//.test(path) ? relative(ROOT, path) : path;
}

/** Path of a linted file relative to `src/`; undefined for a file elsewhere. */
export function sourcePath(filename: string): string | undefined {
  const path = repositoryPath(filename);
  return path.startsWith("src/") ? path.slice("src/".length) : undefined;
}

/** Data of the repository that the program reads. */
const OUTSIDE = ["../deno.json", "../config/servers.schema.json", "../config/rules.schema.json"];

/** Says what is wrong with an import of `specifier` in the file `from`; undefined when nothing is. */
export function findImportFault(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = join(dirname(from), specifier);
  if (target.startsWith("../")) {
    return OUTSIDE.includes(target) ? undefined : `src/ imports nothing outside itself`;
  }
  const source = findPlace(from);
  const place = findPlace(target);
  if (source === undefined) return undefined; // Said once for the file.
  if (place === undefined) return `src/${target} has no layer`;
  if (place.name !== source.name && place.rank <= source.rank) {
    const relation = place.rank === source.rank ? "its sibling" : "above it";
    return `${source.name} must not import ${place.name}, which is ${relation}`;
  }
  if (OWN_ENTRIES.includes(place.name) && target === `${place.name}/mod.ts`) return undefined;
  const entered = relative(dirname(from), target).split("/").filter((part) => part !== "..");
  if (entered.length > 2 || (entered.length === 2 && entered[1] !== "mod.ts")) {
    return `the folder ${entered[0]} is entered only through its mod.ts`;
  }
  return undefined;
}

function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}
