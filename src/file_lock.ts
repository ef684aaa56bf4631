/**
 * Locks files against other processes. Imports only `atomic_file`, `file_identity` and `within`.
 *
 * @module
 */
import { removeIfThere } from "./atomic_file.ts";
import { identityAt, identityOf } from "./file_identity.ts";
import { wait } from "./within.ts";

/** Shortest and longest pause between two attempts, in milliseconds. */
const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 50;

/** Another process held the lock for too long. */
export class LockTimeout extends Error {
  /** The class name, because a minifier may shorten it. */
  override readonly name = "LockTimeout";
}

/** Options of a lock. */
export interface LockOptions {
  /** Maximum duration of the attempt, in milliseconds. */
  readonly withinMs: number;
  /** Cancels the attempt; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Whether the file exists only for the lock, and is created if it is missing. Default: no. */
  readonly isLockFile?: boolean;
}

/**
 * Takes a lock that one process at a time can hold. The system releases it when the process ends,
 * for whatever reason. On Windows, others cannot read a locked file.
 *
 * @throws {LockTimeout} if another process held the lock for that long.
 */
export async function lockFile(path: string, options: LockOptions): Promise<Disposable> {
  const { withinMs, isLockFile = false, signal = new AbortController().signal } = options;
  if (isLockFile) await removeLink(path);
  const mode = isLockFile ? { read: true, write: true, create: true, mode: 0o600 } : { read: true };
  const end = performance.now() + withinMs;
  // Polls, because a wait in the system could not be cancelled.
  for (let pause = MIN_PAUSE_MS;; pause = Math.min(MAX_PAUSE_MS, pause * 2)) {
    signal.throwIfAborted();
    const file = await Deno.open(path, mode);
    try {
      // The previous holder of the lock may have replaced or removed the file.
      if (await file.tryLock(true) && identityOf(await file.stat()) === identityAt(path)) {
        signal.throwIfAborted();
        return file;
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    if (performance.now() > end) {
      throw new LockTimeout(`Another process has locked ${path} for more than ${withinMs} ms`);
    }
    await wait(pause * (0.5 + Math.random()), signal);
  }
}

/** Removes a symlink at the path, which would put the lock at its target. */
async function removeLink(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isSymlink) await removeIfThere(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
