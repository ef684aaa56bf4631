import { linkInfoAt, ownUserId } from "../file_identity.ts";

/** Maximum number of files in the folder; the gateway writes fewer. */
const MAX_FILES = 5000;

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** The permission bits of others to change a folder. */
const OTHERS_CAN_WRITE = 0o022;

const isWindows = Deno.build.os === "windows";

/** The mailbox cannot be used; the message says why and what to do. */
export class MailboxError extends Error {
  /** The name of the class, because a minifier may shorten it. */
  override readonly name = "MailboxError";
}

/**
 * A folder that only the user can read and change. Everything is synchronous: each operation is one step, and small. No
 * link is followed.
 */
export class MailboxFolder {
  readonly #path: string;

  /**
   * Opens the folder; nothing is read or written yet.
   *
   * @param path Its path; its parent folder belongs to the gateway, too.
   */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Checks that the folder belongs to the user, and that nobody else can access it.
   *
   * @param options Whether a missing folder is created; default: no.
   * @returns Whether the folder exists.
   * @throws {MailboxError} if it must not be used.
   */
  check({ creates = false }: { readonly creates?: boolean } = {}): boolean {
    if (!/^(?:[\\/]|[A-Za-z]:[\\/])/.test(this.#path)) {
      throw new MailboxError("there is no home folder for the approvals: set HOME");
    }
    const parent = this.#path.replace(/[\\/][^\\/]*$/, "");
    return this.#guard(() => {
      if (creates) Deno.mkdirSync(parent, { recursive: true, mode: FOLDER_MODE });
      if (linkInfoAt(parent) === undefined) return false;
      checkFolder(parent, { isPrivate: false });
      if (creates && linkInfoAt(this.#path) === undefined) createFolder(this.#path);
      if (linkInfoAt(this.#path) === undefined) return false;
      checkFolder(this.#path, { isPrivate: true });
      return true;
    });
  }

  /** Lists the names of the files. */
  list(): string[] {
    return this.#guard(() => {
      const names: string[] = [];
      for (const { name } of Deno.readDirSync(this.#path)) {
        if (names.push(name) > MAX_FILES) {
          throw new MailboxError(
            `${this.#path} holds more than ${MAX_FILES} files, most of them not the gateway's: ` +
              "remove those",
          );
        }
      }
      return names;
    });
  }

  /**
   * Reads a file.
   *
   * @returns `undefined` if the file is missing, larger than `maxBytes`, a link, not a regular file, or one that others
   * own or can access.
   */
  read(name: string, maxBytes: number): string | undefined {
    const path = this.#pathOf(name);
    return this.#guard(() => {
      const info = linkInfoAt(path);
      // Opening a pipe would wait for its writer.
      if (info?.isFile !== true || info.size > maxBytes || !isPrivateFile(info)) return undefined;
      try {
        return Deno.readTextFileSync(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    });
  }

  /** Returns when a file was last written, in milliseconds since 1970; `undefined` if it is missing. */
  writtenAt(name: string): number | undefined {
    return this.#guard(() => linkInfoAt(this.#pathOf(name))?.mtime?.getTime());
  }

  /** Writes a file, whole or not at all. */
  write(name: string, text: string): void {
    const temporaryPath = this.#pathOf(`${crypto.randomUUID()}.tmp`);
    this.#guard(() => {
      try {
        Deno.writeTextFileSync(temporaryPath, text, { createNew: true, mode: FILE_MODE });
        Deno.renameSync(temporaryPath, this.#pathOf(name));
      } catch (error) {
        removeFile(temporaryPath);
        throw error;
      }
    });
  }

  /**
   * Renames a file, atomically.
   *
   * @returns `false` if the file is missing, for example because another process was faster.
   */
  rename(from: string, to: string): boolean {
    return this.#guard(() => {
      try {
        Deno.renameSync(this.#pathOf(from), this.#pathOf(to));
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      }
    });
  }

  /**
   * Removes a file, or a link itself, atomically.
   *
   * @param options Whether the removal has to outlast a power failure; default: no.
   * @returns `false` if the file is missing, for example because another process was faster.
   */
  remove(name: string, { isDurable = false }: { readonly isDurable?: boolean } = {}): boolean {
    return this.#guard(() => {
      const isRemoved = removeFile(this.#pathOf(name));
      if (isRemoved && isDurable) syncFolder(this.#path);
      return isRemoved;
    });
  }

  #pathOf(name: string): string {
    return `${this.#path}/${name}`;
  }

  #guard<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof MailboxError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new MailboxError(`the folder of the approvals cannot be used: ${reason}`, {
        cause: error,
      });
    }
  }
}

function createFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { mode: FOLDER_MODE });
  } catch (error) {
    // Another process has created it meanwhile.
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** @throws {MailboxError} if a path is not a folder of the user that only the user can change, or access if it is private. */
function checkFolder(path: string, { isPrivate }: { readonly isPrivate: boolean }): void {
  const info = linkInfoAt(path);
  if (info?.isDirectory !== true) throw new MailboxError(`${path} is a link or not a folder`);
  if (isWindows) return;
  if (!isOwn(info)) throw new MailboxError(`${path} belongs to another user`);
  const mode = (info.mode ?? 0) & 0o777;
  if (isPrivate && mode !== FOLDER_MODE) {
    throw new MailboxError(
      `other users can access ${path}, so its approvals may not be yours: remove it`,
    );
  }
  // The audit log creates this folder with the rights that the system gives to new folders.
  if ((mode & OTHERS_CAN_WRITE) !== 0) Deno.chmodSync(path, mode & ~OTHERS_CAN_WRITE);
}

function isOwn({ uid }: Deno.FileInfo): boolean {
  const userId = ownUserId();
  // Without the permission to read the id, only the superuser could use the private folder of another user.
  return userId === undefined || uid === userId;
}

function isPrivateFile(info: Deno.FileInfo): boolean {
  return isWindows || (isOwn(info) && ((info.mode ?? 0) & 0o077) === 0);
}

function removeFile(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function syncFolder(path: string): void {
  // Windows opens no folders.
  if (isWindows) return;
  using folder = Deno.openSync(path);
  folder.syncSync();
}
