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
 * Possible targets of /etc/resolv.conf. Their folder has sockets that resolve names, so that a sandbox
 * without network must not have it.
 */
const RESOLVER_FILES = ["stub-resolv.conf", "resolv.conf"].map((name) => {
  return `/run/systemd/resolve/${name}`;
});

/** The root, and folders that the sandbox has of its own. */
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
  const { folder, program, named, isInFolder } = namedPaths(connection);
  const readOnly = (path: string): string[] => ["--ro-bind-try", path, path];
  return [
    findBwrap(),
    ...["--unshare-all", "--die-with-parent", "--new-session"],
    // With the capabilities of root, a server could make what is read-only writable.
    ...["--cap-drop", "ALL"],
    ...(sandboxNetwork ? ["--share-net", ...RESOLVER_FILES.flatMap(readOnly)] : []),
    ...SYSTEM_FOLDERS.flatMap(readOnly),
    // The settings of the system in /proc/sys can be written by the superuser without capabilities.
    ...["--proc", "/proc", "--remount-ro", "/proc"],
    ...["--dev", "/dev", "--tmpfs", "/tmp", "--setenv", "HOME", "/tmp"],
    // A later bind covers an earlier one.
    ...named.filter((path) => !isInFolder(path)).flatMap(readOnly),
    ...(folder === undefined ? [] : ["--bind", folder, folder]),
    ...named.filter(isInFolder).flatMap(readOnly),
    ...privatePaths.map(realPathOf)
      .filter((path) => [...SYSTEM_FOLDERS, ...named].some((shown) => isWithin(path, shown)))
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
 * Returns a path among the command and the arguments of an entry that leads out of the entry's folder through a link
 * in it. The server itself may have made the link, in order to read its target the next time it is started.
 */
export function findLinkOut(connection: StdioConfig): string | undefined {
  const { folder, named, isInFolder } = namedPaths(connection);
  if (folder === undefined) return undefined;
  const realFolder = realPathOf(folder);
  return named.filter(isInFolder).find((path) => {
    try {
      return !isWithin(Deno.realPathSync(path), realFolder);
    } catch (error) {
      // A missing file is not bound. A path that cannot be looked up could lead anywhere.
      return !(error instanceof Deno.errors.NotFound);
    }
  });
}

/** Returns the folder of an entry, its program, and the absolute paths that a sandbox gets. */
function namedPaths({ command, args, cwd }: StdioConfig): {
  readonly folder: string | undefined;
  readonly program: string;
  readonly named: readonly string[];
  readonly isInFolder: (path: string) => boolean;
} {
  const folder = cwd === undefined ? undefined : resolvePath(Deno.cwd(), cwd);
  const program = command.includes("/") ? resolvePath(folder ?? Deno.cwd(), command) : command;
  const named = [program, ...args].filter((path) => path.startsWith("/"))
    .map((path) => resolvePath(path))
    .filter((path) => !OWN_FOLDERS.test(path) && path !== folder);
  const isInFolder = (path: string): boolean => folder !== undefined && isWithin(path, folder);
  return { folder, program, named, isInFolder };
}

/**
 * Returns the path of bwrap, by the gateway's own search path: a program that the server can write must not
 * be found in its place. Returns the bare name if there is none.
 */
function findBwrap(): string {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter(isAbsolutePath);
  return folders.map((folder) => `${folder}/bwrap`).find(isFile) ?? "bwrap";
}
