import { removeIfThere } from "./private_file.ts";

/** Pauses between two tries, in milliseconds. */
const LEAST_PAUSE_MS = 5;
const MOST_PAUSE_MS = 50;

/** Others held the lock for too long. */
export class LockTimeout extends Error {
  override readonly name = "LockTimeout";
}

/**
 * Takes a lock that one process at a time can hold. The system gives it back when the process ends,
 * however that happens, so the file stays where it is: one that was removed would be a lock for those
 * only who hold the old one.
 *
 * @param path The file that stands for the lock; made where it is not there.
 * @param options What ends the attempt, and how long it takes at most, in milliseconds.
 * @throws {LockTimeout} where others held it for that long.
 */
export async function lockFile(
  path: string,
  { signal, withinMs }: { readonly signal: AbortSignal; readonly withinMs: number },
): Promise<Disposable> {
  await refuseLink(path);
  const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  try {
    const end = performance.now() + withinMs;
    // Tried, not waited for: a wait in the system could not be given up.
    for (let pause = LEAST_PAUSE_MS; !await file.tryLock(true);) {
      if (performance.now() > end) throw new LockTimeout(`Not within ${withinMs} ms`);
      await sleep(pause * (0.5 + Math.random()), signal);
      pause = Math.min(MOST_PAUSE_MS, pause * 2);
    }
    signal.throwIfAborted();
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A link would have the lock made wherever it points to. */
async function refuseLink(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isSymlink) await removeIfThere(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
