import { folderOf, resolvePath } from "./file_path.ts";
import { decodeText } from "./read_text.ts";

/** How often an edit is retried because another program changed the file meanwhile. */
const MAX_ATTEMPTS = 5;

/**
 * Changes a text file atomically: a reader sees the old text or the new one. The file keeps its
 * mode, owner and the links to it. Edits by several processes wait for one another.
 *
 * @param path The file, or a link to it.
 * @param edit Returns the new text.
 * @throws The error of `edit`; the file is unchanged then, as after any other failure.
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

/** Reads the text with its byte order mark, because the mark is written back. */
function readExactly(path: string): string {
  const read = decodeText(Deno.readFileSync(path), { ignoreBOM: true });
  if ("failure" in read) throw new Error(`${path}: ${read.failure}`);
  return read.text;
}

/** Replaces the text; returns `false` if the file has changed since it was read. */
function replace(
  path: string,
  { before, after }: { readonly before: string; readonly after: string },
): boolean {
  const { mode, uid, gid } = Deno.statSync(path);
  const draft = resolvePath(folderOf(path), `.${crypto.randomUUID()}.tmp`);
  try {
    {
      // Other users must not read it before it has its final mode.
      using file = Deno.openSync(draft, { write: true, createNew: true, mode: 0o600 });
      const bytes = new TextEncoder().encode(after);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
    }
    if (Deno.build.os !== "windows") {
      keepOwner(draft, { uid, gid });
      if (mode !== null) Deno.chmodSync(draft, mode & 0o7777);
    }
    // Editors do not take our lock.
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
      const message = "the file belongs to another user, who must stay its owner: run as that user";
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

/** Locks the file against other edits. Not on Windows, where a lock would block readers too. */
async function lock(path: string): Promise<Disposable> {
  if (Deno.build.os === "windows") return { [Symbol.dispose]: () => {} };
  for (;;) {
    const file = Deno.openSync(path, { read: true });
    await file.lock(true);
    const held = file.statSync();
    const there = Deno.statSync(path);
    // The previous holder of the lock may have replaced the file.
    if (held.ino === there.ino && held.dev === there.dev) return file;
    file.close();
  }
}
