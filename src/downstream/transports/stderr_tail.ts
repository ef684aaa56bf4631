import { ReadThrottle } from "../../jsonrpc/mod.ts";
import { redactText } from "../../redact.ts";

const MAX_LINES = 20;
const MAX_BYTES = 2048;
const MAX_LINE = 4096;

/** Options of reading a server's stderr. */
export interface StderrOptions {
  /** Removes secrets from whole lines. */
  readonly clean: (lines: string) => string;
  /** Length of the longest secret, in UTF-16 code units. */
  readonly longestSecret: number;
  /** Receives each line, without secrets, cut to 4096 characters. */
  readonly onLine: (line: string) => void;
}

/**
 * Reads a server's stderr to its end, because an unread pipe blocks the server, and keeps the last lines
 * for errors. A server may write many lines fast, so secrets are removed from each chunk of lines at
 * once and not line by line.
 */
export class StderrTail {
  readonly #options: StderrOptions;
  readonly #lines: string[] = [];
  // The beginning of an unfinished line, and whether a part of it was skipped.
  #rest = "";
  #isCut = false;
  /** Resolves when the stream has ended. */
  readonly done: Promise<void>;

  /** Starts to read. */
  constructor(stream: ReadableStream<Uint8Array>, options: StderrOptions) {
    this.#options = options;
    this.done = this.#read(stream);
  }

  /** The last lines, at most 20 and 2048 bytes, also without texts that look like secrets. */
  text(): string {
    const bytes = new TextEncoder().encode(redactText(this.#lines.join("\n")));
    if (bytes.length <= MAX_BYTES) return new TextDecoder().decode(bytes);
    // The cut may go through a character.
    return new TextDecoder().decode(bytes.subarray(-MAX_BYTES)).replace(/^\ufffd+/, "");
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const turn = new ReadThrottle();
    try {
      for await (const chunk of stream) {
        const pause = turn.do(() => this.#add(decoder.decode(chunk, { stream: true })));
        if (pause !== undefined) await pause;
      }
    } catch (error) {
      this.#take(`The end of stderr was not read: ${error}`);
    }
    this.#take(this.#rest);
  }

  #add(text: string): void {
    // The rest of a line whose beginning was kept is skipped.
    const added = this.#isCut ? text.slice(endOfLine(text)) : text;
    this.#isCut &&= added === "";
    const lines = this.#rest + added;
    const end = lines.lastIndexOf("\n");
    if (end >= 0) this.#take(lines.slice(0, end));
    this.#rest = lines.slice(end + 1);
    if (this.#isCut || this.#rest.length <= MAX_LINE) return;
    this.#rest = this.#cut(this.#rest);
    this.#isCut = true;
  }

  #take(lines: string): void {
    for (const line of this.#options.clean(lines).split("\n")) {
      const text = line.slice(0, MAX_LINE).trimEnd();
      if (text === "") continue;
      this.#lines.push(text);
      if (this.#lines.length > MAX_LINES) this.#lines.shift();
      this.#options.onLine(text);
    }
  }

  /** Returns the part to keep of an unfinished line: without its end, which may be half a secret. */
  #cut(line: string): string {
    const { clean, longestSecret } = this.#options;
    return clean(line).slice(0, MAX_LINE).slice(0, -Math.max(1, longestSecret));
  }
}

function endOfLine(text: string): number {
  const end = text.indexOf("\n");
  return end < 0 ? text.length : end;
}
