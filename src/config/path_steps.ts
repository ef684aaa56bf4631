import { folderOf, isAbsolutePath, resolvePath } from "./file_path.ts";

/** Maximum number of links that are followed, as in Linux. */
const MAX_LINKS = 40;

/** A file, folder or link that the system visits when a file is opened. */
export interface PathStep {
  /** An absolute path without links in its folders. */
  readonly path: string;
  /** Absent if there is nothing at the path, or if it cannot be looked up. */
  readonly info: Deno.FileInfo | undefined;
}

/** Lists what the system visits from the root to a file, including links on the way and their targets. */
export function listPathSteps(path: string): PathStep[] {
  const steps: PathStep[] = [{ path: "/", info: infoAt("/") }];
  const names = namesIn(path);
  let folder = "/";
  let linkCount = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "..") {
      folder = folderOf(folder);
      continue;
    }
    const stepPath = resolvePath(folder, name);
    const info = infoAt(stepPath);
    steps.push({ path: stepPath, info });
    if (info?.isSymlink !== true) {
      folder = stepPath;
      continue;
    }
    const target = linkTarget(stepPath);
    linkCount++;
    if (target === undefined || linkCount > MAX_LINKS) break;
    if (isAbsolutePath(target)) folder = "/";
    names.unshift(...namesIn(target));
  }
  return steps;
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** Returns the information about a file or a link; `undefined` if it cannot be looked up. */
export function infoAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    // A path that cannot be looked up is reported when the file is read. Deno may permit reading
    // only the last folders.
    return undefined;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}
