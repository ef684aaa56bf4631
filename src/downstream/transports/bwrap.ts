import {
  folderOf,
  isAbsolutePath,
  isWithin,
  resolvePath,
  type ServerOptions,
  type StdioConfig,
} from "../../config/mod.ts";
import { isFile, realPathOf } from "../../file_identity.ts";

/** Folders of the system that every program needs; a sandbox gets them read-only. */
const SYSTEM_FOLDERS = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/etc",
  "/opt",
  "/nix/store",
];

/**
 * Possible targets of /etc/resolv.conf. Their folder also has sockets that resolve names, so only the files are
 * shared, and only with a sandbox that has network.
 */
const RESOLVER_FILES = ["stub-resolv.conf", "resolv.conf"].map((name) => {
  return `/run/systemd/resolve/${name}`;
});

/** Matches the root, and the folders that the sandbox replaces with its own. */
const OWN_FOLDERS = /^\/(?:(?:proc|dev|sys|tmp)?$|(?:proc|dev|sys)\/)/;

/**
 * Returns the command line that runs a server in a sandbox of bubblewrap. The server sees the folders of
 * the system, the paths among its command and its arguments, all read-only, and the folder of its entry,
 * which it can write. It has its own /tmp, /proc and /dev, no home folder, and no network unless asked for.
 *
 * @see {@link https://github.com/containers/bubblewrap}
 */
export function createBwrapCommand(
  connection: StdioConfig,
  { sandboxNetwork = false, privatePaths = [] }: Pick<
    ServerOptions,
    "sandboxNetwork" | "privatePaths"
  >,
): StdioConfig["args"] {
  const { folder, program, paths, isInFolder } = readEntryPaths(connection);
  const readOnly = (path: string): string[] => ["--ro-bind-try", path, path];
  return [
    findBwrap(),
    ...["--unshare-all", "--die-with-parent", "--new-session"],
    // With the capabilities of root, a server could make what is read-only writable.
    ...["--cap-drop", "ALL"],
    ...(sandboxNetwork ? ["--share-net", ...RESOLVER_FILES.flatMap(readOnly)] : []),
    ...SYSTEM_FOLDERS.flatMap(readOnly),
    // The superuser can write to /proc/sys even without capabilities.
    ...["--proc", "/proc", "--remount-ro", "/proc"],
    ...["--dev", "/dev", "--tmpfs", "/tmp", "--setenv", "HOME", "/tmp"],
    // A later bind covers an earlier one.
    ...paths.filter((path) => !isInFolder(path)).flatMap(readOnly),
    ...(folder === undefined ? [] : ["--bind", folder, folder]),
    ...paths.filter(isInFolder).flatMap(readOnly),
    ...createCoverFlags(privatePaths, { shown: [...SYSTEM_FOLDERS, ...paths], folder }),
    ...["--chdir", folder ?? "/tmp", "--", program, ...connection.args],
  ];
}

/**
 * Returns the flags that cover private files and folders, whether they exist or not.
 *
 * @param options `shown`: the paths that the sandbox can read. `folder`: the folder that it can write.
 */
function createCoverFlags(
  privatePaths: readonly string[],
  { shown, folder }: { readonly shown: readonly string[]; readonly folder: string | undefined },
): string[] {
  // A shown path may be a link: the sandbox sees its target at the path of the link.
  const shownPaths = shown.map((path) => ({ path, real: realPathOf(path) }));
  const needed = [...shown, ...(folder === undefined ? [] : [folder])].map(realPathOf);
  const covered = new Map<string, boolean>();
  for (const path of privatePaths.map(realPathOf)) {
    const shownParents = shownPaths.filter(({ real }) => isWithin(path, real));
    const target = shownParents.length === 0 ? undefined : findCoverTarget(path, needed);
    if (target === undefined) continue;
    for (const { path: shownPath, real } of shownParents) {
      covered.set(shownPath + target.path.slice(real.length), target.isFolder);
    }
  }
  return [...covered].flatMap(([path, isFolder]) => {
    return isFolder ? ["--tmpfs", path] : ["--ro-bind", "/dev/null", path];
  });
}

/**
 * Finds the file or folder to cover, so that a private path is hidden. The cover of a file is lost when the file is
 * replaced, as editors do, and a missing file cannot be covered. So its nearest existing folder is covered, unless the
 * sandbox has to show that folder.
 */
function findCoverTarget(
  path: string,
  needed: readonly string[],
): { readonly path: string; readonly isFolder: boolean } | undefined {
  const info = infoAt(path);
  if (info?.isDirectory === true) return { path, isFolder: true };
  const folder = info === undefined ? findExistingFolder(path) : folderOf(path);
  const isNeeded = needed.some((neededPath) => isWithin(neededPath, folder));
  if (!isNeeded) return { path: folder, isFolder: true };
  return info === undefined ? undefined : { path, isFolder: false };
}

/** Returns the real path of the nearest existing folder of a missing file; the root if Deno may not look it up. */
function findExistingFolder(path: string): string {
  for (let folder = folderOf(path); folder !== "/"; folder = folderOf(folder)) {
    try {
      return Deno.realPathSync(folder);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) break;
    }
  }
  return "/";
}

function infoAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Returns a path in the command or the arguments of an entry that leads out of the entry's folder through a link. The
 * server itself may have created the link in order to read its target the next time it is started.
 */
export function findEscapingPath(connection: StdioConfig): string | undefined {
  const { folder, paths, isInFolder } = readEntryPaths(connection);
  if (folder === undefined) return undefined;
  const realFolder = realPathOf(folder);
  return paths.filter(isInFolder).find((path) => {
    try {
      return !isWithin(Deno.realPathSync(path), realFolder);
    } catch (error) {
      // A missing file is not bound. A path that cannot be looked up could lead anywhere.
      return !(error instanceof Deno.errors.NotFound);
    }
  });
}

/** Returns the folder of an entry, its program, and the absolute paths that its sandbox can read. */
function readEntryPaths({ command, args, cwd }: StdioConfig): {
  readonly folder: string | undefined;
  readonly program: string;
  readonly paths: readonly string[];
  readonly isInFolder: (path: string) => boolean;
} {
  const folder = cwd === undefined ? undefined : resolvePath(Deno.cwd(), cwd);
  const program = command.includes("/") ? resolvePath(folder ?? Deno.cwd(), command) : command;
  const paths = [program, ...args].filter((path) => path.startsWith("/"))
    .map((path) => resolvePath(path))
    .filter((path) => !OWN_FOLDERS.test(path) && path !== folder);
  const isInFolder = (path: string): boolean => folder !== undefined && isWithin(path, folder);
  return { folder, program, paths, isInFolder };
}

/**
 * Finds bwrap in the absolute folders of the gateway's own PATH: a relative folder could contain a program that
 * the server has written. Returns the bare name if there is none.
 */
function findBwrap(): string {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter(isAbsolutePath);
  return folders.map((folder) => `${folder}/bwrap`).find(isFile) ?? "bwrap";
}
