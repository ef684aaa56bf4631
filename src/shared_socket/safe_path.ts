import { linkInfoAt } from "../file_identity.ts";

/** Maximum number of links in a path, as on Linux. */
const MAX_LINKS = 40;

/** The bits that let other users write into a folder, and the one that protects the files in such a folder. */
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Another user could replace something in a path. */
export class UnsafePath extends Error {
  /** The name of the class. */
  override readonly name = "UnsafePath";
}

/**
 * Follows the links in the path of a folder, and checks each folder on it: nobody but this user and root may be able to
 * replace what is in it. The path that is returned leads to the same folder as long as they do not change it.
 *
 * @param path An absolute path, not of Windows; the folders at its end may be missing.
 * @param user The id of this user.
 * @throws {UnsafePath} If another user could replace a folder or a link.
 */
export function followSafePath(path: string, user: number): string {
  let folder = "";
  let names = path.split("/");
  let linkCount = 0;
  checkOwner("/", Deno.lstatSync("/"), user);
  while (names.length > 0) {
    const [name = "", ...others] = names;
    names = others;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/")));
      continue;
    }
    const nextPath = `${folder}/${name}`;
    const info = linkInfoAt(nextPath);
    if (info === undefined) return [nextPath, ...others].join("/");
    checkOwner(nextPath, info, user);
    if (!info.isSymlink) {
      folder = nextPath;
      continue;
    }
    if (++linkCount > MAX_LINKS) throw new UnsafePath(`${path} has too many links`);
    const target = Deno.readLinkSync(nextPath);
    if (target.startsWith("/")) folder = "";
    names = [...target.split("/"), ...others];
  }
  return folder || "/";
}

function checkOwner(path: string, { uid, mode, isSymlink }: Deno.FileInfo, user: number): void {
  if (uid !== user && uid !== 0) throw new UnsafePath(`${path} belongs to another user`);
  // The mode of a link means nothing.
  if (isSymlink) return;
  const bits = mode ?? WRITABLE_BY_OTHERS;
  if ((bits & WRITABLE_BY_OTHERS) !== 0 && (bits & STICKY) === 0) {
    throw new UnsafePath(`other users can write into ${path}`);
  }
}
