import { linkInfoAt } from "../../file_identity.ts";

/** The present state of a file on disk. */
export interface FileState {
  /** The path of the file itself, after following links. */
  readonly realPath: string;
  /** `undefined` if there is no file. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** The permission bits; `undefined` if there is no file, or on Windows. */
  readonly mode: number | undefined;
}

/**
 * Reads a file and its permissions.
 *
 * @throws The system's error if the file exists and cannot be read.
 */
export function readFileState(path: string): FileState {
  let isLink = false;
  try {
    isLink = Deno.lstatSync(path).isSymlink;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { realPath: path, bytes: undefined, mode: undefined };
  }
  // The link stays; its target is read and replaced.
  const realPath = isLink ? Deno.realPathSync(path) : path;
  const { mode } = Deno.statSync(realPath);
  return {
    realPath,
    bytes: Deno.readFileSync(realPath),
    mode: mode === null ? undefined : mode & 0o7777,
  };
}

/** Whether there is a link at a path, whether its target exists or not. */
export function isLink(path: string): boolean {
  return linkInfoAt(path)?.isSymlink === true;
}

/** Returns an unused path for a backup next to a file, with the local time as `YYYYMMDD-HHMMSS`. */
export function backupPath(path: string, now: Date): string {
  const twoDigits = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}${twoDigits(now.getMonth() + 1)}${twoDigits(now.getDate())}`;
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(twoDigits).join("");
  const preferredPath = `${path}.backup-${day}-${time}`;
  let candidatePath = preferredPath;
  for (let number = 2; linkInfoAt(candidatePath) !== undefined; number++) {
    candidatePath = `${preferredPath}-${number}`;
  }
  return candidatePath;
}
