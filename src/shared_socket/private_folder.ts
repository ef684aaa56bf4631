import { type Environment, getFolderVariable, getStateFilePath } from "../config/startup/mod.ts";
import { linkInfoAt, ownUserId } from "../file_identity.ts";

/** Something keeps clients from sharing a daemon; the operator has to act. The message says what to do. */
export class SharingError extends Error {
  /** The name of the class. */
  override readonly name = "SharingError";
}

/** The permission bits of all other users. */
const OTHERS = 0o077;

/** The bit that lets every user write into a folder, and the one that protects the files in such a folder. */
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/**
 * Returns the folder for the sockets of this user's daemons, which it creates if it is missing. Only this user can
 * enter the folder, so a socket in it is this user's.
 *
 * @throws {SharingError} If the folder cannot be created, or could be another user's.
 */
export function openPrivateFolder(env: Environment): string {
  const folder = runtimeFolder(env) ?? stateFolder(env);
  const parent = folder.slice(0, folder.lastIndexOf("/"));
  try {
    if (linkInfoAt(folder) === undefined) createFolder(folder, parent);
    checkFolder(folder, parent);
  } catch (error) {
    if (error instanceof SharingError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SharingError(
      `the folder ${folder}, which is for the sockets of shared gateways, cannot be used: ${reason}`,
      { cause: error },
    );
  }
  return folder;
}

/**
 * Returns the private folders of this user that exist: clients may start their gateways with `XDG_RUNTIME_DIR` or
 * without it.
 *
 * @throws {SharingError} If one of them could be another user's.
 */
export function findPrivateFolders(env: Environment): string[] {
  const folders = new Set([runtimeFolder(env) ?? [], stateFolder(env)].flat());
  return [...folders].filter((folder) => {
    if (linkInfoAt(folder) === undefined) return false;
    checkFolder(folder, folder.slice(0, folder.lastIndexOf("/")));
    return true;
  });
}

function runtimeFolder(env: Environment): string | undefined {
  const folder = getFolderVariable(env, "XDG_RUNTIME_DIR");
  return folder === undefined ? undefined : `${folder}/agent-mcp-gateway`;
}

function stateFolder(env: Environment): string {
  return getStateFilePath(env, "run");
}

function createFolder(folder: string, parent: string): void {
  Deno.mkdirSync(parent, { recursive: true, mode: 0o700 });
  try {
    Deno.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another relay has created it at the same time.
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

function checkFolder(folder: string, parent: string): void {
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  if (!isDirectory) {
    throw new SharingError(describeFault(folder, "is a link or a file, not a folder"));
  }
  // On Windows the folder inherits the access rights of the user's own state folder.
  if (Deno.build.os === "windows") return;
  const user = ownUserId();
  if (user === undefined) {
    throw new SharingError("Deno may not read the id of the user: add --allow-sys=uid");
  }
  if (uid !== user) throw new SharingError(describeFault(folder, "belongs to another user"));
  if (((mode ?? OTHERS) & OTHERS) !== 0) {
    throw new SharingError(
      `the folder ${folder} is open to other users. Fix: chmod 700 ${folder}, or remove it`,
    );
  }
  const { uid: parentUser, mode: parentMode } = Deno.statSync(parent);
  const canOthersReplace = (parentUser !== user && parentUser !== 0) ||
    ((parentMode ?? 0) & (WRITABLE_BY_ALL | STICKY)) === WRITABLE_BY_ALL;
  if (canOthersReplace) {
    throw new SharingError(
      `another user could replace the folder ${folder}, because ${parent} is not this user's alone. ` +
        `Fix: set XDG_RUNTIME_DIR to a folder that only this user can write`,
    );
  }
}

function describeFault(folder: string, fault: string): string {
  return `${folder}, which is for the sockets of shared gateways, ${fault}. Fix: remove it`;
}
