import { createFile, removeIfThere } from "../atomic_file.ts";
import { identityAt } from "../file_identity.ts";
import { fieldsOf } from "../json.ts";
import { hmacSha256 } from "../sha256.ts";
import { SharingError } from "./private_folder.ts";
import {
  closeConnection,
  FirstLineError,
  parseLine,
  readFirstLine,
  writeLine,
} from "./socket_stream.ts";
import type { SharedConnection, SharedListener } from "./address.ts";

/** Address of the listener on loopback. */
const LOOPBACK = "127.0.0.1";

/** Limits on the lines before the hello. */
const LIMITS = { maxBytes: 1024, withinMs: 5000 };

/** Random values of both sides, so that no proof is of use for another connection. */
interface Nonces {
  readonly client: string;
  readonly daemon: string;
}

/**
 * Listens on a free port of this machine, and writes the port and a secret to a file that only this user can read. Every
 * user can connect to the port, and after the end of the daemon listen on it. So both sides prove that they know the secret,
 * which is never sent. First the client sends a random value, then the daemon its own random value and its proof, and then
 * the client the hello with its proof.
 *
 * @param path The path of the file, at which nothing may be.
 */
export async function listenOnLoopback(path: string): Promise<SharedListener> {
  const listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const token = crypto.randomUUID();
  const bytes = new TextEncoder().encode(JSON.stringify({ port: listener.addr.port, token }));
  await createFile(path, { bytes, mode: 0o600 });
  const identity = identityAt(path);
  return {
    listener,
    authenticate: async (connection) => {
      const { nonce: client } = fieldsOf(parseLine((await readFirstLine(connection, LIMITS)).line));
      if (typeof client !== "string") throw new FirstLineError("the first line has no nonce");
      const nonces = { client, daemon: crypto.randomUUID() };
      await writeLine(connection, {
        nonce: nonces.daemon,
        proof: await prove("daemon", token, nonces),
      });
      return await prove("client", token, nonces);
    },
    close: async () => {
      listener.close();
      if (identityAt(path) === identity) await removeIfThere(path);
    },
  };
}

/**
 * Connects to the daemon that has written a file.
 *
 * @returns `undefined` if another program listens on its port, so that the daemon is gone.
 * @throws {SharingError} If whatever listens does not answer.
 */
export async function connectLoopback(path: string): Promise<SharedConnection | undefined> {
  const { port, token } = fieldsOf(JSON.parse(await Deno.readTextFile(path)));
  const connection = await Deno.connect({ hostname: LOOPBACK, port: Number(port) });
  try {
    const proof = await authenticate(connection, String(token));
    if (proof !== undefined) return { connection, proof };
  } catch (error) {
    if (error instanceof FirstLineError && !error.connectionEnded) {
      closeConnection(connection);
      throw new SharingError(
        `the shared gateway of ${path} does not answer: ${error.message}. ` +
          `Fix: end its process, or remove the file if another program has taken port ${port}`,
        { cause: error },
      );
    }
  }
  closeConnection(connection);
  return undefined;
}

/** Checks that a daemon knows the secret; returns the client's proof, or `undefined` if the daemon does not. */
async function authenticate(connection: Deno.Conn, token: string): Promise<string | undefined> {
  const client = crypto.randomUUID();
  await writeLine(connection, { nonce: client });
  const answer = fieldsOf(parseLine((await readFirstLine(connection, LIMITS)).line));
  const nonces = { client, daemon: String(answer.nonce) };
  return answer.proof === await prove("daemon", token, nonces)
    ? await prove("client", token, nonces)
    : undefined;
}

function prove(side: keyof Nonces, token: string, { client, daemon }: Nonces): Promise<string> {
  return hmacSha256(token, JSON.stringify([side, client, daemon]));
}
