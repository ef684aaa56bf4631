const MAX_LINES = 20;
const MAX_BYTES = 2048;
const MAX_LINE = 4096;

/**
 * Reads a server's stderr to its end, for a pipe that nobody reads stalls the server, and keeps the
 * last lines for errors.
 */
export class StderrTail {
  readonly #lines: string[] = [];
  /** Resolves when the stream has ended. */
  readonly done: Promise<void>;

  /**
   * Starts to read.
   *
   * @param stream The server's stderr.
   * @param onLine Takes each line, cut at 4096 characters.
   */
  constructor(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void) {
    this.done = this.#read(stream, onLine);
  }

  /**
   * The last lines, at most 20 and 2048 bytes.
   *
   * @param clean Takes secrets out; sees the lines before they are cut, for half a secret is none
   * that could be found.
   */
  text(clean: (lines: string) => string): string {
    const bytes = new TextEncoder().encode(clean(this.#lines.join("\n")));
    if (bytes.length <= MAX_BYTES) return new TextDecoder().decode(bytes);
    // The cut may go through a character.
    return new TextDecoder().decode(bytes.subarray(-MAX_BYTES)).replace(/^\ufffd+/, "");
  }

  async #read(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
    let rest = "";
    const take = (line: string): void => {
      const text = line.trimEnd().slice(0, MAX_LINE);
      if (text === "") return;
      this.#lines.push(text);
      if (this.#lines.length > MAX_LINES) this.#lines.shift();
      onLine(text);
    };
    try {
      const decoder = new TextDecoder();
      for await (const chunk of stream) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = (lines.pop() ?? "").slice(0, MAX_LINE);
        for (const line of lines) take(line);
      }
    } catch (error) {
      onLine(`The end of stderr was not read: ${error}`);
    }
    take(rest);
  }
}
