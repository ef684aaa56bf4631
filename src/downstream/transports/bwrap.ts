import {
  isAbsolutePath,
  isWithin,
  resolvePath,
  type ServerOptions,
  type StdioConfig,
} from "../../config/mod.ts";
import { isFile, realPathOf } from "../../file_identity.ts";

/** Folders of the system that every program needs; a sandbox gets them read-only. */
const SYSTEM_FOLDERS = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix/store"],
];

/**
 * Possible targets of /etc/resolv.conf. Their folder also has sockets that resolve names, so only the files are
 * shared, and only with a sandbox that has network.
 */
const RESOLVER_FILES = ["stub-resolv.conf", "resolv.conf"].map((name) => {
  return `/run/systemd/resolve/${name}`;
});

/** The root, and folders of which the sandbox has its own. */
const OWN_FOLDERS = /^\/(?:(?:proc|dev|sys|tmp)?$|(?:proc|dev|sys)\/)/;

/**
 * Returns the command line that runs a server in a sandbox of bubblewrap. The server sees the folders of
 * the system, the paths among its command and its arguments, all read-only, and the folder of its entry,
 * which it can write. It has its own /tmp, /proc and /dev, no home folder, and no network unless asked for.
 *
 * @see {@link https://github.com/containers/bubblewrap}
 */
export function bwrapCommand(
  connection: StdioConfig,
  { sandboxNetwork = false, privatePaths = [] }: Pick<
    ServerOptions,
    "sandboxNetwork" | "privatePaths"
  >,
): StdioConfig["args"] {
  const { folder, program, paths, isInFolder } = entryPaths(connection);
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
    ...privatePaths.map(realPathOf)
      .filter((path) => [...SYSTEM_FOLDERS, ...paths].some((shown) => isWithin(path, shown)))
      .flatMap(coverFlags),
    ...["--chdir", folder ?? "/tmp", "--", program, ...connection.args],
  ];
}

/** Returns the flags that cover a file or a folder; none if it is missing. */
function coverFlags(path: string): string[] {
  try {
    return Deno.statSync(path).isDirectory ? ["--tmpfs", path] : ["--ro-bind", "/dev/null", path];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/**
 * Returns a path in the command or the arguments of an entry that leads out of the entry's folder through a link. The
 * server itself may have created the link in order to read its target the next time it is started.
 */
export function findEscapingPath(connection: StdioConfig): string | undefined {
  const { folder, paths, isInFolder } = entryPaths(connection);
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
function entryPaths({ command, args, cwd }: StdioConfig): {
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
