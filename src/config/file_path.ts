/**
 * The path functions needed at start. `node:path` would load Deno's Node layer, which takes 5 ms of
 * the 20 ms of an empty program.
 */
const windows = Deno.build.os === "windows";
const separator = windows ? "\\" : "/";
const separators = windows ? /[\\/]+/ : /\/+/;
const rootShape = windows ? /^(?:[A-Za-z]:|[\\/]{2}[^\\/]+[\\/]+[^\\/]+)?[\\/]/ : /^\//;

/** Whether a path begins at a root. */
export function isAbsolutePath(path: string): boolean {
  return rootShape.test(path);
}

/** Joins parts to an absolute folder and resolves `.` and `..`; an absolute part replaces everything before it. */
export function resolvePath(folder: string, ...parts: readonly string[]): string {
  let path = folder;
  for (const part of parts) path = rootShape.test(part) ? part : path + separator + part;
  const root = rootShape.exec(path)?.[0] ?? "";
  const names: string[] = [];
  for (const name of path.slice(root.length).split(separators)) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return root + names.join(separator);
}

/** Returns the folder of an absolute path; the folder of a root is the root. */
export function folderOf(path: string): string {
  return resolvePath(path, "..");
}

/** Returns the last name in a path. */
export function nameOf(path: string): string {
  return path.split(separators).findLast((name) => name !== "") ?? "";
}

/** Whether an absolute path is a folder or leads into it. */
export function isWithin(path: string, folder: string): boolean {
  const root = resolvePath(folder);
  const whole = resolvePath(path);
  return whole === root || whole.startsWith(root.endsWith(separator) ? root : root + separator);
}
