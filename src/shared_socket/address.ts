import { identityAt, linkInfoAt } from "../file_identity.ts";
import { wait } from "../within.ts";
import { connectLoopback, listenOnLoopback } from "./loopback_socket.ts";
import { SharingError } from "./private_folder.ts";

/** Number of hex digits of the daemon key in the names of its files. */
const NAME_LENGTH = 16;

/** The files of one daemon in the private folder. Besides them, there is `ID.log.tmp` for the moment in which a log is cut. */
export interface DaemonFiles {
  /** The socket; on Windows a file with the port and the token of a listener on loopback. */
  readonly socket: string;
  /** Locked while a daemon is started; it stays until the daemon ends. */
  readonly lock: string;
  /** The daemon's log. */
  readonly log: string;
}

/**
 * Returns the paths of a daemon's files.
 *
 * @param folder The private folder.
 * @param key The daemon key.
 */
export function daemonFiles(folder: string, key: string): DaemonFiles {
  const base = `${folder}/${key.slice(0, NAME_LENGTH)}`;
  const socket = `${base}${usesLoopback() ? ".port" : ".sock"}`;
  return { socket, lock: `${base}.lock`, log: `${base}.log` };
}

/** Names of the files of a daemon, except the lock. */
const FILE_NAME = new RegExp(`^([0-9a-f]{${NAME_LENGTH}})\\.(sock|port|log)$`);

/** The files of a daemon that has left some of them, or runs. */
export interface DaemonEntry extends DaemonFiles {
  /** The beginning of the daemon key, by which people name the daemon. */
  readonly id: string;
  /** Whether there is a socket. */
  readonly hasSocket: boolean;
}

/** Lists the daemons whose socket or log is in a private folder, by id. */
export function listDaemonFiles(folder: string): DaemonEntry[] {
  const entries = new Map<string, DaemonEntry>();
  for (const { name } of Deno.readDirSync(folder)) {
    const [, id, ending] = FILE_NAME.exec(name) ?? [];
    if (id === undefined) continue;
    const hasSocket = ending !== "log" || entries.get(id)?.hasSocket === true;
    entries.set(id, { id, ...daemonFiles(folder, id), hasSocket });
  }
  return [...entries.values()].sort((one, two) => one.id < two.id ? -1 : 1);
}

/** Maximum number of checks whether the socket of a closed listener is gone. */
const REMOVAL_CHECKS = 100;

/** Time between two of these checks, in milliseconds. */
const REMOVAL_CHECK_MS = 5;

/** Variable that makes daemons listen on loopback, as on Windows, for tests. */
const LOOPBACK_VARIABLE = "AGENT_MCP_GATEWAY_LOOPBACK";

/** Whether daemons listen on loopback instead of a Unix socket. */
function usesLoopback(): boolean {
  return Deno.build.os === "windows" || Deno.env.get(LOOPBACK_VARIABLE) === "1";
}

/** A listener for relays. */
export interface SharedListener {
  /** The listener. */
  readonly listener: Deno.Listener;
  /**
   * Begins a connection: proves to the other side that this is the daemon. Returns the proof that its hello must have;
   * `undefined` if only this user can connect.
   */
  authenticate(connection: Deno.Conn): Promise<string | undefined>;
  /** Stops listening, and removes the file of the socket, unless another daemon has replaced it. */
  close(): Promise<void>;
}

/**
 * Listens for relays.
 *
 * @param path The path of the socket, at which nothing may be.
 */
export async function listenOnSocket(path: string): Promise<SharedListener> {
  if (usesLoopback()) return await listenOnLoopback(path);
  const listener = Deno.listen({ transport: "unix", path });
  const identity = identityAt(path);
  return {
    listener,
    authenticate: () => Promise.resolve(undefined),
    close: async () => {
      // Closing removes whatever is at the path, but not before the `accept` in progress has ended.
      if (identityAt(path) !== identity) return;
      listener.close();
      for (let count = 0; count < REMOVAL_CHECKS && identityAt(path) === identity; count++) {
        await wait(REMOVAL_CHECK_MS);
      }
    },
  };
}

/** A connection to a daemon, and the client's proof for the hello. */
export interface SharedConnection {
  /** The connection. */
  readonly connection: Deno.Conn;
  /** The proof; `undefined` if none is needed. */
  readonly proof: string | undefined;
}

/**
 * Connects to a daemon.
 *
 * @param path The path of its socket.
 * @returns `undefined` if no daemon listens there.
 * @throws {SharingError} If something else is at the path.
 */
export async function connectSocket(path: string): Promise<SharedConnection | undefined> {
  const info = linkInfoAt(path);
  if (info === undefined) return undefined;
  const isExpected = usesLoopback() ? info.isFile : info.isSocket === true;
  if (!isExpected) {
    throw new SharingError(`${path} is not the socket of a shared gateway. Fix: remove it`);
  }
  try {
    if (usesLoopback()) return await connectLoopback(path);
    return { connection: await Deno.connect({ transport: "unix", path }), proof: undefined };
  } catch (error) {
    if (error instanceof SharingError) throw error;
    if (meansNoDaemon(error)) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SharingError(`cannot connect to the shared gateway at ${path}: ${reason}`, {
      cause: error,
    });
  }
}

/** Whether an error means that no daemon listens: it has ended, or it is just ending. */
function meansNoDaemon(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.ConnectionReset || error instanceof SyntaxError;
}
