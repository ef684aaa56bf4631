import {
  type Environment,
  getFolderVariable,
  getStateFilePath,
  isAbsolutePath,
} from "../config/startup/mod.ts";
import { linkInfoAt, ownUserId } from "../file_identity.ts";
import { followSafePath, UnsafePath } from "./safe_path.ts";

/** Something keeps clients from sharing a daemon; the operator has to act. The message says what to do. */
export class SharingError extends Error {
  /** The name of the class. */
  override readonly name = "SharingError";
}

/** The permission bits of all other users. */
const OTHERS = 0o077;

/** Maximum length of the path of a socket, in bytes; macOS allows the least. */
const MAX_PATH_BYTES = 103;

/** Length of what follows the folder in the path of a socket. */
const MAX_NAME_LENGTH = "/0123456789abcdef.sock".length;

/**
 * Returns the folder for the sockets of this user's daemons, which it creates if it is missing. Only this user can
 * enter the folder, so a socket in it is this user's.
 *
 * @returns The path without links: nobody but this user and root can make it lead to another folder.
 * @throws {SharingError} If the folder cannot be created, or could be another user's.
 */
export function openPrivateFolder(env: Environment): string {
  const path = runtimeFolder(env) ?? stateFolder(env);
  return explainErrors(path, () => {
    const folder = followParent(path);
    checkLength(folder);
    if (linkInfoAt(folder) !== undefined) return checkFolder(folder);
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    // In a folder such as /tmp, another user may have created a part of the path at the same time.
    return checkFolder(followParent(path));
  });
}

/** The private folders of this user. */
export interface PrivateFolders {
  /** Those that can be used, as paths without links. */
  readonly usable: readonly string[];
  /** The errors of the folders that cannot be used. */
  readonly faults: readonly SharingError[];
}

/**
 * Finds the private folders of this user that exist: clients may start their gateways with `XDG_RUNTIME_DIR` or
 * without it.
 */
export function findPrivateFolders(env: Environment): PrivateFolders {
  const paths = [runtimeFolder(env) ?? [], stateFolder(env)].flat().filter(isAbsolutePath);
  const [usable, faults] = [new Set<string>(), [] as SharingError[]];
  for (const path of paths) {
    try {
      if (explainErrors(path, () => linkInfoAt(path)) === undefined) continue;
      usable.add(explainErrors(path, () => checkFolder(followParent(path))));
    } catch (error) {
      if (!(error instanceof SharingError)) throw error;
      faults.push(error);
    }
  }
  return { usable: [...usable], faults };
}

function runtimeFolder(env: Environment): string | undefined {
  const folder = getFolderVariable(env, "XDG_RUNTIME_DIR");
  return folder === undefined ? undefined : `${folder}/agent-mcp-gateway`;
}

function stateFolder(env: Environment): string {
  return getStateFilePath(env, "run");
}

/** Runs a function on a folder. If the system reports an error, the error that is thrown says what the folder is for. */
function explainErrors<Result>(path: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (error instanceof SharingError) throw error;
    if (error instanceof UnsafePath) {
      throw new SharingError(
        `another user could replace the folder ${path}: ${error.message}. ` +
          "Fix: take the folder from them, or set XDG_RUNTIME_DIR to a folder that only this user can write",
        { cause: error },
      );
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new SharingError(
      `the folder ${path}, which is for the sockets of shared gateways, cannot be used: ${reason}`,
      { cause: error },
    );
  }
}

/** Follows the links in the path of a folder, except one at its end. */
function followParent(path: string): string {
  if (!isAbsolutePath(path)) {
    throw new SharingError(
      "there is no home folder for the sockets of shared gateways. Fix: set HOME",
    );
  }
  // On Windows the folder inherits the access rights of the user's own state folder.
  if (Deno.build.os === "windows") return path;
  const end = path.lastIndexOf("/");
  const parent = followSafePath(path.slice(0, end), userId());
  return `${parent === "/" ? "" : parent}${path.slice(end)}`;
}

/** Checks that nobody else can enter a folder, and returns it. */
function checkFolder(folder: string): string {
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  if (!isDirectory) {
    throw new SharingError(describeFault(folder, "is a link or a file, not a folder"));
  }
  if (Deno.build.os === "windows") return folder;
  if (uid !== userId()) throw new SharingError(describeFault(folder, "belongs to another user"));
  if (((mode ?? OTHERS) & OTHERS) !== 0) {
    throw new SharingError(
      `the folder ${folder} is open to other users. Fix: chmod 700 ${folder}, or remove it`,
    );
  }
  return folder;
}

function userId(): number {
  const user = ownUserId();
  if (user !== undefined) return user;
  throw new SharingError("Deno may not read the id of the user: add --allow-sys=uid");
}

/** Refuses a folder whose path is too long for sockets, before the folder is created. */
function checkLength(folder: string): void {
  const length = new TextEncoder().encode(folder).length + MAX_NAME_LENGTH;
  if (Deno.build.os === "windows" || length <= MAX_PATH_BYTES) return;
  throw new SharingError(
    `the path ${folder} is too long for sockets. Fix: set XDG_RUNTIME_DIR to a folder with a shorter path`,
  );
}

function describeFault(folder: string, fault: string): string {
  return `${folder}, which is for the sockets of shared gateways, ${fault}. Fix: remove it`;
}
