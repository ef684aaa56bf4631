/** A file as it is on disk. */
export interface FileState {
  /** The path with links followed. */
  readonly real: string;
  /** The content; undefined if there is no file. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Its permissions, where there is one and the system has them. */
  readonly mode: number | undefined;
}

/**
 * Looks at a file.
 *
 * @throws what the system says, where it cannot be read.
 */
export function lookAt(path: string): FileState {
  let isLink = false;
  try {
    isLink = Deno.lstatSync(path).isSymlink;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { real: path, bytes: undefined, mode: undefined };
  }
  // A link stays one: what it leads to is replaced.
  const real = isLink ? Deno.realPathSync(path) : path;
  const { mode } = Deno.statSync(real);
  return { real, bytes: Deno.readFileSync(real), mode: mode === null ? undefined : mode & 0o7777 };
}

/** Whether two files hold the same. */
export function isSameBytes(one: Uint8Array | undefined, two: Uint8Array | undefined): boolean {
  if (one === undefined || two === undefined) return one === two;
  return one.length === two.length && one.every((byte, index) => byte === two[index]);
}

/** A fingerprint of a file's bytes or of a text. */
export async function hashOf(what: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof what === "string" ? new TextEncoder().encode(what) : what;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A name beside a file that is still free, with a time in it. */
export function backupPath(path: string, stamp: string): string {
  const wanted = `${path}.backup-${stamp}`;
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

/** Local time as `YYYYMMDD-HHMMSS`. */
export function stampOf(now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
