import { identityOf, linkInfoAt, ownUserId } from "../file_identity.ts";

/** The only path that may be written to although it is not a regular file. */
export const NULL_DEVICE = "/dev/null";

/** Maximum number of attempts to open a file that other processes create or rotate. */
const MAX_ATTEMPTS = 10;

/**
 * Opens a regular file of this user for appending. Creates it and its folder if they are missing, and makes
 * it readable for this user only. Follows no link: the working folder may be somebody else's.
 *
 * @throws Any error of the system, if the file cannot be opened.
 * @throws {Error} If the path is a link or not a regular file, if its folder is a link, or if the file belongs to
 * another user.
 */
export function openFile(path: string): Deno.FsFile {
  const options: Deno.OpenOptions = { append: true, read: true, mode: 0o600 };
  if (path === NULL_DEVICE) return Deno.openSync(path, options);
  checkFolders(path);
  // Another process may create, rotate or remove the file between the checks and the opening.
  for (let attempt = 1;; attempt++) {
    const infoBefore = linkInfoAt(path);
    requireRegularFile(path, infoBefore);
    let file: Deno.FsFile | undefined;
    try {
      // `createNew` follows no link.
      file = Deno.openSync(path, { ...options, createNew: infoBefore === undefined });
      const info = file.statSync();
      const infoAfter = linkInfoAt(path);
      requireRegularFile(path, infoAfter);
      if (infoAfter !== undefined && identityOf(infoAfter) === identityOf(info)) {
        // A new file belongs to this user, and only this user can read it.
        if (infoBefore !== undefined) restrictToOwner(path, info);
        return file;
      }
      throw new Error(`${path} was replaced while it was being opened`);
    } catch (error) {
      file?.close();
      if (attempt === MAX_ATTEMPTS || error instanceof RefusedPath) throw error;
    }
  }
}

/** The path must not be written to, so there is no point in another attempt. */
class RefusedPath extends Error {}

/**
 * Creates the folder of a file, and refuses links among the folders that another user may have created: all those of
 * a relative path, and the file's own. A folder directly in the root, such as `/tmp`, belongs to the system.
 */
function checkFolders(path: string): void {
  // `node:path` is not used, because loading it would add 5 ms to every start.
  const folder = path.replace(/[\\/]?[^\\/]*$/, "");
  if (folder === "" || /^[\\/][^\\/]+$/.test(folder)) return;
  const folders = /^([\\/]|[A-Za-z]:)/.test(folder)
    ? [folder]
    : Array.from(folder.matchAll(/[\\/]|$/g), ({ index }) => folder.slice(0, index));
  for (const name of folders) {
    if (linkInfoAt(name)?.isSymlink) throw new RefusedPath(`its folder ${name} is a link`);
  }
  Deno.mkdirSync(folder, { recursive: true });
}

function requireRegularFile(path: string, info: Deno.FileInfo | undefined): void {
  if (info?.isSymlink) throw new RefusedPath(`${path} is a link`);
  if (info?.isFile === false) throw new RefusedPath(`${path} is not a regular file`);
}

/** Finds the id of this user from a file that is created beside a path; `undefined` if it cannot be created. */
function probeOwnUserId(path: string): number | undefined {
  if (Deno.build.os === "windows") return undefined;
  const newPath = `${path}.${crypto.randomUUID()}`;
  try {
    using file = Deno.openSync(newPath, { write: true, createNew: true, mode: 0o600 });
    Deno.removeSync(newPath);
    return file.statSync().uid ?? undefined;
  } catch {
    // Deno or the system may permit writing the file, but not creating others beside it.
    return undefined;
  }
}

/** Makes a file readable for its owner only, who must be this user. */
function restrictToOwner(path: string, { mode, uid }: Deno.FileInfo): void {
  // The superuser could write to the file of any user.
  const userId = ownUserId() ?? probeOwnUserId(path);
  if (userId !== undefined && uid !== userId) {
    throw new RefusedPath(`${path} belongs to another user`);
  }
  if (Deno.build.os === "windows" || (mode ?? 0) % 0o100 === 0) return;
  try {
    Deno.chmodSync(path, 0o600);
  } catch (cause) {
    // The system lets only the owner and the superuser change the mode.
    throw new RefusedPath(`${path} belongs to another user`, { cause });
  }
}
