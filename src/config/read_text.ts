/** No configuration is this large; a log or an image named by mistake may be. */
const maxBytes = 16 * 1024 * 1024;

/** The text of a file, or in plain words why there is none. */
export type ReadText = { readonly text: string } | { readonly failure: string };

/**
 * Reads a configuration file; never throws. Synchronous, because at start two files read in the
 * background take 3 ms, and like this a tenth of that.
 */
export function readText(path: string): ReadText {
  try {
    const { isDirectory, isFile, size } = Deno.statSync(path);
    if (isDirectory) return { failure: "this is a folder: name the file in it" };
    // A pipe may never give an answer, a device may never end.
    if (!isFile) return { failure: "this is a pipe or a device: name a file" };
    if (size > maxBytes) {
      return { failure: "the file is too large for a configuration: expected at most 16 MiB" };
    }
    return decodeText(Deno.readFileSync(path));
  } catch (error) {
    return { failure: explain(error) };
  }
}

/**
 * The text of a file's bytes.
 *
 * @param bytes What the file holds.
 * @param options Whether a byte order mark stays in the text, for writing it back.
 */
export function decodeText(bytes: Uint8Array, options: { ignoreBOM?: boolean } = {}): ReadText {
  const [first, second] = bytes;
  const isMarked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  // JSON begins with an ASCII character, and holds no NUL: without a mark there is one beside it.
  if (isMarked || first === 0 || second === 0) {
    return { failure: "the file is UTF-16: save it as UTF-8" };
  }
  try {
    // A byte order mark is taken off by the decoder.
    return { text: new TextDecoder("utf-8", { fatal: true, ...options }).decode(bytes) };
  } catch {
    return { failure: "the file is not UTF-8 text: save it as UTF-8" };
  }
}

function explain(error: unknown): string {
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
