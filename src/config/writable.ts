import type { ConfigProblem } from "../errors.ts";
import { realPathOf } from "../file_identity.ts";
import { folderOf } from "./file_path.ts";
import type { LocatedFile } from "./locate.ts";

const WRITABLE_BY_ALL = 0o002;

/** In a folder with this bit, such as `/tmp`, only the owner of a file can replace it. */
const STICKY = 0o1000;

/** Warns of a file that every user of the machine can change, or can replace in its folder. */
export function warnWritable({ path, displayPath, origin }: LocatedFile): ConfigProblem[] {
  if (origin === "missing") return [];
  const realPath = realPathOf(path);
  const folder = folderOf(realPath);
  const [subject, target] = (modeOf(realPath) & WRITABLE_BY_ALL) !== 0
    ? ["this file", realPath]
    : (modeOf(folder) & (WRITABLE_BY_ALL | STICKY)) === WRITABLE_BY_ALL
    ? ["the folder of this file", folder]
    : [];
  if (target === undefined) return [];
  const message =
    `every user of this machine can write ${subject}, and so start programs as you or ` +
    `change who may call what; run chmod o-w ${JSON.stringify(target)}`;
  return [{ file: displayPath, line: 0, column: 0, path: "", message }];
}

/** Returns the permission bits; none on Windows, or if the path cannot be looked up. */
function modeOf(path: string): number {
  try {
    return Deno.statSync(path).mode ?? 0;
  } catch {
    // A file that cannot be read is reported elsewhere.
    return 0;
  }
}
