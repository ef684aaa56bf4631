import { wait } from "../../within.ts";
import { removeIfThere } from "./private_file.ts";

/** Shortest and longest pause between two attempts, in milliseconds. */
const LEAST_PAUSE_MS = 5;
const MOST_PAUSE_MS = 50;

/** Another process held the lock for too long. */
export class LockTimeout extends Error {
  override readonly name = "LockTimeout";
}

/**
 * Takes a lock that one process at a time can hold. The system releases it when the process ends,
 * for whatever reason. The file is never removed: a process that holds the removed file would not
 * exclude one that locks the new file.
 *
 * @param path The lock file; it is created if missing.
 * @param options `signal` cancels the attempt. `withinMs` is its maximum duration.
 * @throws {LockTimeout} if another process held the lock for that long.
 */
export async function lockFile(
  path: string,
  { signal, withinMs }: { readonly signal: AbortSignal; readonly withinMs: number },
): Promise<Disposable> {
  await refuseLink(path);
  const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  try {
    const end = performance.now() + withinMs;
    // Polls, because a wait in the system could not be cancelled.
    for (let pause = LEAST_PAUSE_MS; !await file.tryLock(true);) {
      if (performance.now() > end) throw new LockTimeout(`Not within ${withinMs} ms`);
      await wait(pause * (0.5 + Math.random()), signal);
      pause = Math.min(MOST_PAUSE_MS, pause * 2);
    }
    signal.throwIfAborted();
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Removes a symlink at the path, which would place the lock at its target. */
async function refuseLink(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isSymlink) await removeIfThere(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
