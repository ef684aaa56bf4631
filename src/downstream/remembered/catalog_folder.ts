import { removeIfThere, replaceFile } from "../../atomic_file.ts";
import { folderOf } from "../../config/mod.ts";
import { ownUserId } from "../../file_identity.ts";

/** Maximum size of all files together, in bytes. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** Maximum number of files. */
const MAX_FILES = 500;

/** Age after which an unfinished file counts as left by a killed process, in milliseconds. */
const UNFINISHED_MS = 600_000;

/** The mode of a folder that only its owner can access. */
const OWNER_ONLY_MODE = 0o700;

const isWindows = Deno.build.os === "windows";

/** The folder of the remembered catalogs. Only the user may change it, because agents see its content. */
export class CatalogFolder {
  readonly #path: string;
  #isPruned = false;

  /**
   * Opens the folder; nothing is read or written yet.
   *
   * @param path An absolute path; its last two folders belong to the gateway.
   */
  constructor(path: string) {
    this.#path = path;
  }

  /** Returns the path of a file. */
  pathOf(name: string): string {
    return `${this.#path}/${name}`;
  }

  /** Whether the folder exists, belongs to the user, and cannot be changed by others. Follows no link. */
  isSafe(): boolean {
    return isOwnFolder(folderOf(this.#path)) && isOwnFolder(this.#path);
  }

  /**
   * Reads a file, or the beginning of it. A link, a pipe, a file of another user and a file that is too large count as
   * missing.
   *
   * @param limits `maxSize`: maximum size of the file; `maxBytes`: maximum number of bytes to read, default: all.
   */
  read(
    name: string,
    { maxSize, maxBytes = maxSize }: { readonly maxSize: number; readonly maxBytes?: number },
  ): Uint8Array | undefined {
    const path = this.pathOf(name);
    try {
      const info = Deno.lstatSync(path);
      // Opening a pipe would wait for its writer.
      if (!info.isFile || info.size > maxSize || !isOwn(info)) return undefined;
      using file = Deno.openSync(path);
      const bytes = new Uint8Array(Math.min(info.size, maxBytes));
      let length = 0;
      while (length < bytes.length) {
        const count = file.readSync(bytes.subarray(length));
        if (count === null) break;
        length += count;
      }
      return bytes.subarray(0, length);
    } catch {
      // The file is missing, or cannot be read: its catalog is not remembered.
      return undefined;
    }
  }

  /** Lists the names of files with a prefix, without those that are not finished. */
  list(prefix: string): string[] {
    try {
      return [...Deno.readDirSync(this.#path)].map(({ name }) => name)
        .filter((name) => name.startsWith(prefix) && !name.endsWith(".tmp"));
    } catch {
      // There is no folder, so nothing is remembered.
      return [];
    }
  }

  /**
   * Writes a file, whole or not at all, and creates the folder if it is missing.
   *
   * @throws Any error of the system; an `Error` if others can change the folder.
   */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.create();
    await replaceFile(this.pathOf(name), { bytes, mode: 0o600 });
    if (this.#isPruned) return;
    // Once per process is enough: one gateway writes few files.
    this.#isPruned = true;
    await this.prune();
  }

  /** Removes a file, if it exists. */
  async remove(name: string): Promise<void> {
    await removeIfThere(this.pathOf(name));
  }

  /**
   * Creates the folder if it is missing.
   *
   * @throws Any error of the system; an `Error` if others can change the folder.
   */
  async create(): Promise<void> {
    if (this.isSafe()) return;
    const parent = folderOf(this.#path);
    for (const folder of [parent, this.#path]) {
      await Deno.mkdir(folder, { recursive: true, mode: OWNER_ONLY_MODE });
      if (isOwnFolder(folder)) continue;
      // Windows gives other users no access to the folders of a user.
      if (isWindows || !isOwnFolder(folder, { checksMode: false })) {
        throw createUnsafeFolderError(folder);
      }
      await Deno.chmod(folder, OWNER_ONLY_MODE);
    }
  }

  /** Removes the oldest files while there are too many, and unfinished files of killed processes. */
  async prune(): Promise<void> {
    const files: { readonly name: string; readonly size: number; readonly writtenAt: number }[] =
      [];
    for await (const { name } of Deno.readDir(this.#path)) {
      if (name === KEY_FILE || name === LOCK_FILE) continue;
      const info = await Deno.lstat(this.pathOf(name)).catch(() => undefined);
      // Another gateway may have removed the file meanwhile.
      if (info?.isFile !== true) continue;
      const writtenAt = info.mtime?.getTime() ?? 0;
      const isUnfinished = name.endsWith(".tmp");
      if (!isUnfinished) files.push({ name, size: info.size, writtenAt });
      else if (Date.now() - writtenAt > UNFINISHED_MS) await this.remove(name);
    }
    files.sort((one, two) => two.writtenAt - one.writtenAt);
    let totalBytes = 0;
    for (const [index, { name, size }] of files.entries()) {
      totalBytes += size;
      if (index >= MAX_FILES || totalBytes > MAX_TOTAL_BYTES) await this.remove(name);
    }
  }
}

/** Name of the file with the key, which `prune` does not remove. */
export const KEY_FILE = "key";

/** Name of the file that is locked while the key is created. */
export const LOCK_FILE = "lock";

/** Whether a path is a folder of the user, not a link, that nobody else can change. */
function isOwnFolder(path: string, { checksMode = true }: { checksMode?: boolean } = {}): boolean {
  try {
    const info = Deno.lstatSync(path);
    return info.isDirectory && isOwn(info, checksMode);
  } catch {
    return false;
  }
}

/** Whether a file belongs to the user, and nobody else can change it. */
function isOwn({ uid, mode }: Deno.FileInfo, checksMode = true): boolean {
  if (isWindows) return true;
  ownId ??= ownUserId();
  const isOwner = ownId === undefined || uid === ownId;
  return isOwner && (!checksMode || ((mode ?? 0) & 0o022) === 0);
}

let ownId: number | undefined;

function createUnsafeFolderError(path: string): Error {
  return new Error(`${path} is a link or belongs to another user`);
}
