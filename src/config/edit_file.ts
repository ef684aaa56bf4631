import { folderOf, resolvePath } from "./file_path.ts";
import { decodeText } from "./read_text.ts";

/** How often an edit is begun anew because somebody else changed the file meanwhile. */
const MAX_ATTEMPTS = 5;

/**
 * Changes a text file so that whoever reads it finds the old text or the new one, and nothing else.
 * Its mode, its owner and links to it stay. Edits of several processes wait for one another.
 *
 * @param path The file, or a link to it.
 * @param edit Gives the new text.
 * @throws Whatever `edit` throws; the file is unchanged then, as for any other failure.
 */
export async function editFile(path: string, edit: (text: string) => string): Promise<void> {
  const real = Deno.realPathSync(path);
  for (let attempt = 1;; attempt++) {
    using _lock = await lock(real);
    const before = readExactly(real);
    const after = edit(before);
    if (replace(real, { before, after })) return;
    if (attempt === MAX_ATTEMPTS) {
      throw new Error(`${path} is being changed by another program: try again`);
    }
  }
}

/** A byte order mark is a part of the text here, which is written back. */
function readExactly(path: string): string {
  const read = decodeText(Deno.readFileSync(path), { ignoreBOM: true });
  if ("failure" in read) throw new Error(`${path}: ${read.failure}`);
  return read.text;
}

/** Whether the new text is there; `false` where the file is not what it was. */
function replace(
  path: string,
  { before, after }: { readonly before: string; readonly after: string },
): boolean {
  const { mode, uid, gid } = Deno.statSync(path);
  const draft = resolvePath(folderOf(path), `.${crypto.randomUUID()}.tmp`);
  try {
    {
      // Nobody else reads it before it has the mode that it shall have.
      using file = Deno.openSync(draft, { write: true, createNew: true, mode: 0o600 });
      const bytes = new TextEncoder().encode(after);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
    }
    if (Deno.build.os !== "windows") {
      keepOwner(draft, { uid, gid });
      if (mode !== null) Deno.chmodSync(draft, mode & 0o7777);
    }
    // Editors know nothing of our lock.
    if (readExactly(path) !== before) return false;
    Deno.renameSync(draft, path);
    return true;
  } finally {
    removeIfThere(draft);
  }
}

function keepOwner(path: string, { uid, gid }: { uid: number | null; gid: number | null }): void {
  const now = Deno.statSync(path);
  if (now.uid === uid && now.gid === gid) return;
  try {
    Deno.chownSync(path, uid, gid);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      const message = "the file belongs to another user, who would lose it: run as that user";
      throw new Error(message, { cause: error });
    }
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Holds off other edits of the file; on Windows a lock would hold off its readers, too. */
async function lock(path: string): Promise<Disposable> {
  if (Deno.build.os === "windows") return { [Symbol.dispose]: () => {} };
  for (;;) {
    const file = Deno.openSync(path, { read: true });
    await file.lock(true);
    const held = file.statSync();
    const there = Deno.statSync(path);
    // Whoever had the lock before has put another file in its place.
    if (held.ino === there.ino && held.dev === there.dev) return file;
    file.close();
  }
}
