/** Only their owner may read and write them. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Makes a folder that nobody but the user can look into.
 *
 * @param folder Its path.
 * @throws What the system says where that cannot be done.
 */
export async function makePrivateFolder(folder: string): Promise<void> {
  const isNew = !await isThere(folder);
  await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (Deno.build.os !== "windows") return await Deno.chmod(folder, FOLDER_MODE);
  // There it takes a program, and holds for all that comes into the folder.
  if (!isNew) return;
  const { success } = await new Deno.Command("icacls", {
    args: accessArguments(folder, Deno.env),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("icacls could not restrict the folder");
}

/**
 * What `icacls` is told so that only the user has access to a folder and all that comes into it.
 *
 * @param folder Its path.
 * @param env Where the user's name is.
 */
export function accessArguments(
  folder: string,
  env: { get(name: string): string | undefined },
): string[] {
  const [domain, name] = [env.get("USERDOMAIN"), env.get("USERNAME") ?? ""];
  const user = domain ? `${domain}\\${name}` : name;
  return [folder, "/inheritance:r", "/grant:r", `${user}:(OI)(CI)F`];
}

/**
 * Writes a file that only the user can read. Whoever reads it meanwhile sees the old text or the new
 * one, also after a crash; a link in its place is replaced and not followed.
 *
 * @param path Its path; the folder must be there.
 * @param text All of it.
 */
export async function writePrivately(path: string, text: string): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    using file = await Deno.open(draft, { write: true, createNew: true, mode: FILE_MODE });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
  } catch (error) {
    await removeIfThere(draft);
    throw error;
  }
  await Deno.rename(draft, path);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a file, or the link in its place. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
