import { createFile, removeIfThere } from "../atomic_file.ts";
import { linkInfoAt } from "../file_identity.ts";
import { SharingError } from "./private_folder.ts";

/** Name of the file in the private folder. */
const NAME = "secret";

/** Matches a secret. */
const SECRET = /^[0-9a-f-]{36}$/;

/**
 * Returns the random secret of a private folder; creates it if there is none. Daemon keys are made with it, because they
 * are in the command lines of daemons, which every user can read: from a plain hash, others could find out the values of
 * variables by trying them.
 *
 * @throws {SharingError} If the file has other content.
 * @throws Any error of the system if the secret cannot be read or created.
 */
export async function readFolderSecret(folder: string): Promise<string> {
  const path = `${folder}/${NAME}`;
  const knownSecret = readSecret(path);
  if (knownSecret !== undefined) return knownSecret;
  const temporaryPath = `${path}.${crypto.randomUUID()}.tmp`;
  await createFile(temporaryPath, {
    bytes: new TextEncoder().encode(crypto.randomUUID()),
    mode: 0o600,
  });
  try {
    Deno.linkSync(temporaryPath, path);
  } catch (error) {
    // Another relay has created it at the same time.
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    await removeIfThere(temporaryPath);
  }
  const secret = readSecret(path);
  if (secret === undefined) throw new SharingError(`${path} has no secret. Fix: remove it`);
  return secret;
}

function readSecret(path: string): string | undefined {
  if (linkInfoAt(path)?.isFile !== true) return undefined;
  const text = Deno.readTextFileSync(path);
  return SECRET.test(text) ? text : undefined;
}
