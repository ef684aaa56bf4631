import { isRecord } from "../json.ts";
import { connectSocket } from "./address.ts";
import { type Hello, MAX_HELLO_BYTES, readHelloAnswer } from "./hello.ts";
import { SharingError } from "./private_folder.ts";
import {
  closeConnection,
  FirstLineError,
  parseLine,
  readFirstLine,
  writeLine,
} from "./socket_stream.ts";

/** Time that a daemon has to answer the hello, in milliseconds. */
const ANSWER_MS = 5000;

/** Time that a daemon has to describe itself, in milliseconds: it asks the system for the memory of its processes. */
const STATUS_MS = 15_000;

/** Maximum size of a status, in bytes; that of 1000 clients takes 300 kB. */
const MAX_STATUS_BYTES = 4 * 1024 * 1024;

/** A connection to a daemon that has accepted the hello. */
export interface GreetedDaemon {
  /** The connection. */
  readonly connection: Deno.Conn;
  /** Bytes that have been read after the answer. */
  readonly extraBytes: Uint8Array;
  /** Process id of the daemon. */
  readonly pid: number;
  /** The daemon's warning for the operator, if any. */
  readonly warning: string | undefined;
}

/**
 * Connects to a daemon and sends the hello.
 *
 * @param socket Path of the daemon's socket.
 * @returns `undefined` if no daemon listens there.
 * @throws {SharingError} If the daemon does not answer or refuses.
 */
export async function greetDaemon(
  socket: string,
  hello: Hello,
): Promise<GreetedDaemon | undefined> {
  const shared = await connectSocket(socket);
  if (shared === undefined) return undefined;
  const { connection, proof } = shared;
  try {
    await writeLine(connection, { ...hello, proof });
    const { line, extraBytes } = await readFirstLine(connection, {
      maxBytes: MAX_HELLO_BYTES,
      withinMs: ANSWER_MS,
    });
    const answer = readHelloAnswer(parseLine(line));
    if (answer === undefined) {
      throw new SharingError(
        `${socket} belongs to a program that is not a shared gateway. Fix: end it`,
      );
    }
    if (!answer.ok) {
      throw new SharingError(`the shared gateway at ${socket} refused the client: ${answer.error}`);
    }
    return { connection, extraBytes, pid: answer.pid, warning: answer.warning };
  } catch (error) {
    closeConnection(connection);
    if (error instanceof FirstLineError && !error.connectionEnded) {
      throw new SharingError(
        `the shared gateway at ${socket} does not answer: ${error.message}. Fix: end its process`,
        { cause: error },
      );
    }
    if (error instanceof SharingError) throw error;
    // The daemon ended before it answered, or it has closed the connection because the hello came too late.
    return undefined;
  }
}

/**
 * Reads the status that a daemon sends after the hello, and closes the connection.
 *
 * @throws {SharingError} If it comes too late, or is not a JSON object.
 */
export async function readStatus(
  { connection, extraBytes }: GreetedDaemon,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const limits = { maxBytes: MAX_STATUS_BYTES, withinMs: STATUS_MS, extraBytes };
    const status: unknown = JSON.parse((await readFirstLine(connection, limits)).line);
    if (isRecord(status)) return status;
    throw new TypeError("it is not an object");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SharingError(`the shared gateway sends no status: ${reason}`, { cause: error });
  } finally {
    closeConnection(connection);
  }
}
