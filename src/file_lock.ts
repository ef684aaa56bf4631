/**
 * Locks files against other processes. Imports only `atomic_file`, `file_identity` and `within`.
 *
 * @module
 */
import { removeIfThere } from "./atomic_file.ts";
import { identityAt, identityOf } from "./file_identity.ts";
import { wait } from "./within.ts";

/** Shortest pause between two attempts, in milliseconds. */
const MIN_PAUSE_MS = 5;

/** Longest pause between two attempts, in milliseconds. */
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
  /** Whether the file has no other purpose than the lock; then it is created if missing. Default: no. */
  readonly isLockFile?: boolean;
}

/**
 * Locks a file against other processes that use this function. The system releases the lock when the
 * process ends, for whatever reason. On Windows, other processes cannot read a locked file.
 *
 * @throws {LockTimeout} If another process holds the lock for longer than `withinMs`.
 */
export async function lockFile(path: string, options: LockOptions): Promise<Disposable> {
  const { withinMs, isLockFile = false, signal = new AbortController().signal } = options;
  if (isLockFile) await removeLink(path);
  const openOptions = isLockFile
    ? { read: true, write: true, create: true, mode: 0o600 }
    : { read: true };
  const deadline = performance.now() + withinMs;
  // The lock is polled, because a wait in the system could not be cancelled.
  for (let pauseMs = MIN_PAUSE_MS;; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)) {
    signal.throwIfAborted();
    const file = await Deno.open(path, openOptions);
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
    if (performance.now() > deadline) {
      throw new LockTimeout(`Another process has locked ${path} for more than ${withinMs} ms`);
    }
    await wait(pauseMs * (0.5 + Math.random()), signal);
  }
}

/** Removes a symlink at the path, so that its target is not locked instead. */
async function removeLink(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isSymlink) await removeIfThere(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
