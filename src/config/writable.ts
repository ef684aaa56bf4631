import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import { ownUserId } from "../file_identity.ts";
import { resolvePath } from "./file_path.ts";
import type { LocatedFile } from "./locate.ts";
import { infoAt, listPathSteps, type PathStep } from "./path_steps.ts";

const WRITABLE_BY_ALL = 0o002;

/** In a folder with this bit, such as `/tmp`, only the owner of a file can replace it. */
const STICKY = 0o1000;

/** An existing file, folder or link. */
type PathEntry = PathStep & { readonly info: Deno.FileInfo };

/**
 * Warns of a file that other users of the machine can change, or can replace by writing to a folder in its
 * path.
 *
 * @param options The id of this user; by default that of this process, if Deno permits reading it.
 */
export function warnWritable(
  { path, displayPath, origin }: Pick<LocatedFile, "path" | "displayPath" | "origin">,
  { userId = ownUserId() }: { readonly userId?: number | undefined } = {},
): ConfigProblem[] {
  if (origin === "missing" || Deno.build.os === "windows") return [];
  const entries = listPathSteps(path).filter((step): step is PathEntry => step.info !== undefined);
  const message = describeOpenEntry(entries) ?? describeForeignEntry(entries, userId);
  return message === undefined ? [] : [problemWithoutPosition(message, { file: displayPath })];
}

function describeOpenEntry(entries: readonly PathEntry[]): string | undefined {
  const openEntry = entries.findLast(isOpen);
  if (openEntry === undefined) return undefined;
  const subject = openEntry.info.isDirectory ? "a folder in the path of this file" : "this file";
  return `every user of this machine can write ${subject}, and so start programs as you or ` +
    `change who may call what; run chmod o-w ${JSON.stringify(openEntry.path)}`;
}

/** Whether every user can write to a file, or can replace the files of a folder. */
function isOpen({ path, info }: PathEntry): boolean {
  const mode = info.mode ?? 0;
  // The mode of a link has no meaning.
  if (info.isSymlink || (mode & WRITABLE_BY_ALL) === 0) return false;
  if (!info.isDirectory) return true;
  if ((mode & STICKY) !== 0) return false;
  // Kubernetes mounts a ConfigMap read-only, but its folder seems writable; it is recognized by its `..data` link.
  const link = infoAt(resolvePath(path, "..data"));
  return link?.isSymlink !== true || link.uid !== info.uid;
}

function describeForeignEntry(
  entries: readonly PathEntry[],
  userId: number | undefined,
): string | undefined {
  // A container often runs as the superuser, with files that belong to a user of its host.
  if (userId === undefined || userId === 0) return undefined;
  // In a user namespace, the superuser's files may have another owner.
  const trustedOwners = new Set([0, userId, infoAt("/")?.uid]);
  const foreignEntry = entries.findLast(({ info: { uid } }) =>
    uid !== null && !trustedOwners.has(uid)
  );
  if (foreignEntry === undefined) return undefined;
  return `${JSON.stringify(foreignEntry.path)} belongs to another user, who can therefore start ` +
    "programs as you or change who may call what; use a file of your own in a folder of your own";
}
