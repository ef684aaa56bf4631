import { removeIfThere } from "../atomic_file.ts";
import { lockFile, LockTimeout } from "../file_lock.ts";
import { hmacSha256 } from "../sha256.ts";
import {
  closeConnection,
  connectSocket,
  type DaemonFiles,
  daemonFiles,
  greetDaemon,
  type Hello,
  openPrivateFolder,
  readFolderSecret,
  SharingError,
  SocketStream,
} from "../shared_socket/mod.ts";
import { hasDaemonPermissions, spawnDaemon } from "./daemon_command.ts";
import type { DaemonIdentity } from "./daemon_identity.ts";

/** Time that a daemon has to start, in milliseconds. */
const START_MS = 20_000;

/** Maximum length of the error of a daemon that does not start, in UTF-16 code units. */
const MAX_START_ERROR = 64 * 1024;

/** The daemon could not start, usually because the configuration is not valid. The message is the daemon's own. */
export class DaemonStartError extends Error {
  /** The name of the class. */
  override readonly name = "DaemonStartError";
}

/** A connection to a daemon, after the hello. */
export interface OpenedDaemon {
  /** The connection. */
  readonly stream: SocketStream;
  /** Process id of the daemon. */
  readonly pid: number;
  /** The daemon's warning for the operator, if any. */
  readonly warning: string | undefined;
}

/**
 * Connects to the daemon with this identity; starts it if there is none.
 *
 * @param agent The agent that the client is bound to.
 * @returns `undefined` if the daemon ends just now, so that another attempt may succeed.
 * @throws {SharingError} If a daemon cannot be used.
 * @throws {DaemonStartError} If it does not start.
 */
export async function openDaemon(
  identity: DaemonIdentity,
  agent: string | undefined,
): Promise<OpenedDaemon | undefined> {
  if (!hasDaemonPermissions()) {
    throw new SharingError(
      "this process has fewer permissions than a shared gateway has. Fix: start the gateway " +
        "without --shared, or with the permissions that docs/security.md lists",
    );
  }
  try {
    const folder = openPrivateFolder(Deno.env);
    const key = await hmacSha256(await readFolderSecret(folder), identity.key);
    const files = daemonFiles(folder, key);
    const hello: Hello = { hello: 1, action: "connect", pid: Deno.pid, key, agent };
    return await connectTo(files.socket, hello) ??
      await startOrJoin(files, { identity: { ...identity, key }, hello });
  } catch (error) {
    throw isSystemError(error)
      ? new SharingError(`the shared gateway cannot be found or started: ${error.message}`, {
        cause: error,
      })
      : error;
  }
}

/** Whether an error is one of the system or of a permission. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && (Object.hasOwn(Deno.errors, error.name) || "code" in error);
}

/** Connects to a running daemon; returns `undefined` if there is none. */
async function connectTo(socket: string, hello: Hello): Promise<OpenedDaemon | undefined> {
  const greeted = await greetDaemon(socket, hello);
  if (greeted === undefined) return undefined;
  const { connection, extraBytes, pid, warning } = greeted;
  return { stream: new SocketStream(connection, extraBytes), pid, warning };
}

/** Starts a daemon, unless another relay has just done so, and connects to it. */
async function startOrJoin(
  files: DaemonFiles,
  { identity, hello }: { readonly identity: DaemonIdentity; readonly hello: Hello },
): Promise<OpenedDaemon | undefined> {
  using _lock = await lockStart(files.lock);
  const running = await connectTo(files.socket, hello);
  if (running !== undefined) return running;
  if (await isListening(files.socket)) return undefined;
  await removeIfThere(files.socket);
  try {
    await startDaemon(identity, files.log);
  } catch (error) {
    // The relay that held the lock before may have been killed while its daemon started, which now listens.
    const otherDaemon = await connectTo(files.socket, hello);
    if (otherDaemon !== undefined) return otherDaemon;
    // A daemon that runs removes the file at its end.
    await removeIfThere(files.lock);
    throw error;
  }
  return await connectTo(files.socket, hello);
}

/** Whether a process listens, although it has not answered the hello: its socket must stay. */
async function isListening(socket: string): Promise<boolean> {
  const shared = await connectSocket(socket);
  if (shared !== undefined) closeConnection(shared.connection);
  return shared !== undefined;
}

async function lockStart(path: string): Promise<Disposable> {
  try {
    return await lockFile(path, { withinMs: START_MS, isLockFile: true });
  } catch (error) {
    if (!(error instanceof LockTimeout)) throw error;
    throw new SharingError(
      `another process has been starting a shared gateway for too long: ${path}`,
    );
  }
}

/** Starts a daemon; resolves when clients can connect. */
async function startDaemon(identity: DaemonIdentity, log: string): Promise<void> {
  const child = spawnDaemon(identity);
  child.unref();
  const startError = readText(child.stderr);
  const output = child.stdout.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void output.cancel().catch(() => {});
  }, START_MS);
  // A daemon that cannot start prints nothing.
  const { done } = await output.read();
  clearTimeout(timer);
  if (isLate) {
    startError.cancel();
    throw new SharingError(
      `the shared gateway did not start within ${START_MS / 1000} s; its log is ${log}`,
    );
  }
  const error = done ? await startError.text : "";
  // A daemon that was killed has said nothing, and may start the next time.
  if (error !== "") throw new DaemonStartError(error);
  startError.cancel();
  void output.cancel().catch(() => {});
}

/** Reads a stream to its end, or until it is cancelled. */
function readText(stream: ReadableStream<Uint8Array>): { text: Promise<string>; cancel(): void } {
  const reader = stream.getReader();
  const read = async (): Promise<string> => {
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      if (text.length < MAX_START_ERROR) text += decoder.decode(value, { stream: true });
    }
  };
  return { text: read().catch(() => ""), cancel: () => void reader.cancel().catch(() => {}) };
}
