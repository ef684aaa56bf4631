/** A file as it is on disk. */
export interface FileState {
  /** The path with links followed. */
  readonly real: string;
  /** `undefined` if there is no file. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Its permissions; `undefined` if there is no file, or if the system has none. */
  readonly mode: number | undefined;
}

/**
 * Reads a file and its permissions.
 *
 * @throws The system's error if the file exists and cannot be read.
 */
export function readState(path: string): FileState {
  let isLink = false;
  try {
    isLink = Deno.lstatSync(path).isSymlink;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { real: path, bytes: undefined, mode: undefined };
  }
  // A link stays a link: its target is replaced.
  const real = isLink ? Deno.realPathSync(path) : path;
  const { mode } = Deno.statSync(real);
  return { real, bytes: Deno.readFileSync(real), mode: mode === null ? undefined : mode & 0o7777 };
}

/** The SHA-256 of a file's bytes or of a text, in hexadecimal. */
export async function hashOf(content: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A free name next to a file, with the local time as `YYYYMMDD-HHMMSS`. */
export function backupPath(path: string, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const wanted = `${path}.backup-${day}-${time}`;
  let name = wanted;
  for (let number = 2; isThere(name); number++) name = `${wanted}-${number}`;
  return name;
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
