/** Maximum size of a file. Configurations are smaller; a larger file was named by mistake. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The text of a file, or a message that says why it could not be read. */
export type TextResult = { readonly text: string } | { readonly failure: string };

/**
 * Reads a configuration file. Never throws. It is synchronous, because at start, reading two files
 * takes 3 ms asynchronously and 0.3 ms synchronously.
 *
 * @param maxBytes Maximum size of the file; default: 4 MiB.
 */
export function readText(path: string, maxBytes: number = MAX_BYTES): TextResult {
  try {
    const { isDirectory, isFile, size } = Deno.statSync(path);
    if (isDirectory) return { failure: "this is a folder: name the file in it" };
    // Reading a pipe may block forever, and a device may never end.
    if (!isFile) return { failure: "this is a pipe or a device: name a file" };
    if (size > maxBytes) {
      const mib = maxBytes / 1024 / 1024;
      return { failure: `the file is too large for a configuration: expected at most ${mib} MiB` };
    }
    return decodeText(Deno.readFileSync(path));
  } catch (error) {
    return { failure: describeReadError(error) };
  }
}

/**
 * Decodes the bytes of a file.
 *
 * @param options `ignoreBOM` keeps a byte order mark in the text, for writing it back.
 */
export function decodeText(bytes: Uint8Array, options: { ignoreBOM?: boolean } = {}): TextResult {
  const [first, second] = bytes;
  const isMarked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  // JSON begins with an ASCII character and contains no NUL, so a NUL in the first two bytes means
  // UTF-16 without a byte order mark.
  if (isMarked || first === 0 || second === 0) {
    return { failure: "the file is UTF-16: save it as UTF-8" };
  }
  try {
    // By default the decoder removes a byte order mark.
    return { text: new TextDecoder("utf-8", { fatal: true, ...options }).decode(bytes) };
  } catch {
    return { failure: "the file is not UTF-8 text: save it as UTF-8" };
  }
}

function describeReadError(error: unknown): string {
  if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
    return "there is no such file";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "no permission to read the file: give the user that runs the gateway read access";
  }
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno was not allowed to read the file: add it to --allow-read";
  }
  return `cannot read the file: ${error instanceof Error ? error.message : String(error)}`;
}
