import { fieldsOf, isRecord } from "../../json.ts";
import { isAbsolutePath, resolvePath } from "../../config/mod.ts";

/** A command that starts a program through a launcher. */
export interface Launch {
  /** The launcher, as written. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The real path of its working folder. */
  readonly cwd: string;
}

/** The start of a program without its launcher. */
export interface DirectStart {
  /** Path of the program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Maximum size of a file that is read, in bytes. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/**
 * Reads a file as text; `undefined` if there is none.
 *
 * @throws {Error} if it cannot be read, or is too large.
 */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const { isFile, size } = await Deno.stat(path);
    // Opening a pipe could block forever.
    if (!isFile || size > MAX_FILE_BYTES) throw new Error(`${path} is not a small file`);
    return await Deno.readTextFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Reads a JSON object.
 *
 * @returns No fields if there is no such file.
 * @throws {Error} if it is not a JSON object.
 */
export async function readObject(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readIfThere(path);
  const value: unknown = text === undefined ? {} : JSON.parse(text);
  if (!isRecord(value)) throw new Error(`${path} has no object`);
  return fieldsOf(value);
}

/** Returns the first bytes of a file as Latin-1; empty for anything else, such as a pipe. */
export async function readStart(path: string): Promise<string> {
  if (!(await Deno.stat(path)).isFile) return "";
  using file = await Deno.open(path);
  const bytes = new Uint8Array(256);
  const count = await file.read(bytes) ?? 0;
  return new TextDecoder("latin1").decode(bytes.subarray(0, count));
}

/** Returns what is at a path, following links; `undefined` if there is nothing. */
export async function infoAt(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/**
 * Finds a program as the system does.
 *
 * @param command A name, or an absolute path.
 * @param env The environment with the search path.
 * @returns The real path of the program; `undefined` if there is none, or if a path that would be searched is relative.
 */
export async function findProgram(
  command: string,
  { PATH = "" }: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  if (command.includes("/")) {
    return isAbsolutePath(command) && await isExecutable(command)
      ? await Deno.realPath(command)
      : undefined;
  }
  for (const folder of PATH.split(":")) {
    if (!isAbsolutePath(folder)) return undefined;
    const path = resolvePath(folder, command);
    if (await isExecutable(path)) return await Deno.realPath(path);
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  const { isFile = false, mode } = await infoAt(path) ?? {};
  return isFile && ((mode ?? 0) & 0o111) !== 0;
}

/** A file or folder that the launcher installed. */
export interface InstalledPath {
  /** Its path; a link is not followed. */
  readonly path: string;
  /** The kind of entry that has to be at the path. */
  readonly kind: "file" | "folder";
}

/**
 * Whether only the user and root can change files and folders. Their parent folders are not checked.
 *
 * @param paths The files and folders.
 * @param home The user's home folder. Its owner is the user. Its group may write, too, because on many systems each user
 * has a group of its own.
 */
export async function arePrivate(paths: readonly InstalledPath[], home: string): Promise<boolean> {
  const homeInfo = await Deno.stat(home);
  const checks = await Promise.all(paths.map(async ({ path, kind }) => {
    const { isFile, isDirectory, mode, uid, gid } = await Deno.lstat(path);
    const forbiddenBits = gid === homeInfo.gid ? 0o002 : 0o022;
    return (kind === "file" ? isFile : isDirectory) && (uid === homeInfo.uid || uid === 0) &&
      ((mode ?? 0o777) & forbiddenBits) === 0;
  }));
  return checks.every(Boolean);
}
