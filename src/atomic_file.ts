/**
 * Replaces files atomically. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Bytes and permissions of a file to write. */
export interface FileContent {
  /** The whole content. */
  readonly bytes: Uint8Array;
  /** Permission bits, such as `0o600`; ignored on Windows. */
  readonly mode: number;
}

/**
 * Replaces a file, or creates it. A reader sees either the old bytes or the new ones, also after a crash.
 * The file keeps its owner. A symlink at the path is replaced, not followed. An error leaves the file unchanged.
 *
 * @param shouldReplace Called immediately before the file is replaced.
 * @returns `false` if `shouldReplace` returned `false`, so that the file was not replaced.
 */
export async function replaceFile(
  path: string,
  { bytes, mode }: FileContent,
  shouldReplace: () => boolean = () => true,
): Promise<boolean> {
  const temporaryPath = `${path}.${crypto.randomUUID()}.tmp`;
  await createFile(temporaryPath, { bytes, mode: 0o600 });
  try {
    await copyOwner(path, temporaryPath);
    await setMode(temporaryPath, mode);
    if (!shouldReplace()) return false;
    Deno.renameSync(temporaryPath, path);
    return true;
  } finally {
    await removeIfThere(temporaryPath);
  }
}

/**
 * Writes a new file to the disk. If that fails, no file remains.
 *
 * @throws {Deno.errors.AlreadyExists} if the file exists.
 */
export async function createFile(path: string, { bytes, mode }: FileContent): Promise<void> {
  // Other users must not read the file before it has its final mode.
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  try {
    try {
      for (let offset = 0; offset < bytes.length;) {
        offset += await file.write(bytes.subarray(offset));
      }
      await file.sync();
    } finally {
      file.close();
    }
    await setMode(path, mode);
  } catch (error) {
    await removeIfThere(path);
    throw error;
  }
}

/** Removes a file, or the symlink at its path, if it exists. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function setMode(path: string, mode: number): Promise<void> {
  if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
}

/** Gives the temporary file the owner of the file that it is about to replace. */
async function copyOwner(path: string, temporaryPath: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const [oldInfo, newInfo] = [await readInfo(path), await readInfo(temporaryPath)];
  if (!oldInfo?.isFile || (oldInfo.uid === newInfo?.uid && oldInfo.gid === newInfo?.gid)) return;
  try {
    await Deno.chown(temporaryPath, oldInfo.uid, oldInfo.gid);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    const message = oldInfo.uid === newInfo?.uid
      ? "the file belongs to a group that it must keep: run as a member of that group"
      : "the file belongs to another user, who must stay its owner: run as that user";
    throw new Error(message, { cause: error });
  }
}

async function readInfo(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
