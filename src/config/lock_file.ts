import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import type { PinnedHashes } from "../pins/mod.ts";
import { folderOf, nameOf, resolvePath } from "./file_path.ts";
import type { LocatedFile } from "./locate.ts";
import { readText, type TextResult } from "./read_text.ts";
import { warnWritable } from "./writable.ts";

const FILE_NAME = ".mcp-gateway-lock.json";

/** Maximum size of a lock file, which holds the definitions of all tools, in bytes. */
export const MAX_LOCK_FILE_BYTES: number = 16 * 1024 * 1024;

/** Returns the paths of the lock file, which is beside the rules file. */
export function locateLockFile(
  { path, displayPath }: Pick<LocatedFile, "path" | "displayPath">,
): Pick<LocatedFile, "path" | "displayPath"> {
  const lockPath = resolvePath(folderOf(path), FILE_NAME);
  const name = nameOf(path);
  return {
    path: lockPath,
    displayPath: displayPath.endsWith(name)
      ? displayPath.slice(0, -name.length) + FILE_NAME
      : lockPath,
  };
}

/** Reads the text of a lock file; `undefined` if there is none. A link that leads to no file is a failure. */
export function readLockText(path: string): TextResult | undefined {
  try {
    Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // Reading the file fails for the same reason, and says why.
  }
  return readText(path, MAX_LOCK_FILE_BYTES);
}

/** The pins of all servers. */
export interface PinsResult {
  /** The pinned servers by name; absent if there is no lock file, or if it cannot be used. */
  readonly servers?: ReadonlyMap<string, PinnedHashes>;
  /** The reason why no server can be used; absent if the servers can be used. */
  readonly unavailable?: string;
  readonly problems: readonly ConfigProblem[];
}

/** Reads the pins of the lock file beside a rules file. Never throws. */
export async function readPins(rules: LocatedFile): Promise<PinsResult> {
  if (rules.origin === "missing") return { problems: [] };
  const { path, displayPath } = locateLockFile(rules);
  const content = readLockText(path);
  // Most configurations have no lock file, so the code that reads it is not loaded for them.
  if (content === undefined) return { problems: [] };
  const writableWarnings = warnWritable({ path, displayPath, origin: "setting" });
  if ("failure" in content) return refuse(content.failure, displayPath);
  const { parseLockFile, hashesOf } = await import("../pins/mod.ts");
  const parsed = parseLockFile(content.text);
  if ("failure" in parsed) return refuse(parsed.failure, displayPath);
  const servers = new Map(
    Array.from(parsed.lockFile, ([name, { pins }]) => [name, hashesOf(pins)]),
  );
  return { servers, problems: writableWarnings };
}

function refuse(failure: string, displayPath: string): PinsResult {
  const message = `${failure}; no server is available until the file is fixed or removed`;
  return {
    unavailable: `the lock file ${displayPath} cannot be used: ${failure}`,
    problems: [problemWithoutPosition(message, { file: displayPath })],
  };
}
