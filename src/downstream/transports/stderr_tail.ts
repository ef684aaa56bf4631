import type { Budget } from "../../budget.ts";
import { ReadThrottle } from "../../jsonrpc/mod.ts";
import { PrivateKeyRedactor, redactProbableSecrets, withoutLastWord } from "../../redact.ts";
import { detachSlice, escapeLines, withoutTerminalSequences } from "../../text.ts";

/** Number of lines that are kept. */
const MAX_LINES = 20;

/** Size limit of the lines that are returned, in bytes. */
const MAX_BYTES = 2048;

/** Maximum length of a line, in UTF-16 code units. */
const MAX_LINE_LENGTH = 4096;

/** Options of reading a server's stderr. */
export interface StderrOptions {
  /** The server's memory budget; default: no limit. */
  readonly memory?: Budget | undefined;
  /** Removes secrets from whole lines. */
  readonly redactSecrets: (lines: string) => string;
  /** Length of the longest secret, in UTF-16 code units. */
  readonly longestSecret: number;
  /** Receives each line without secrets; long lines are cut. */
  readonly onLine: (line: string) => void;
}

/**
 * Reads a server's stderr to its end, because an unread pipe blocks the server, and keeps the last lines
 * for errors. A server may write many lines fast, so secrets are removed from all lines of a chunk at
 * once, not line by line.
 */
export class StderrTail {
  readonly #options: StderrOptions;
  readonly #lines: string[] = [];
  // The beginning of the last line, whose end has not arrived, and whether a part of the line was skipped.
  #unfinishedLine = "";
  #isCut = false;
  readonly #keyRedactor = new PrivateKeyRedactor();
  /** Resolves when the stream has ended. */
  readonly done: Promise<void>;

  /** Starts to read. */
  constructor(stream: ReadableStream<Uint8Array>, options: StderrOptions) {
    this.#options = options;
    this.done = this.#read(stream);
  }

  /**
   * Returns the last lines, at most 20 lines and 2048 bytes, without secrets and without texts that look like
   * secrets. Control characters are escaped.
   */
  getLastLines(): string {
    const bytes = new TextEncoder().encode(
      escapeLines(redactProbableSecrets(this.#lines.join("\n"))),
    );
    if (bytes.length <= MAX_BYTES) return new TextDecoder().decode(bytes);
    // The cut may split a character.
    return new TextDecoder().decode(bytes.subarray(-MAX_BYTES)).replace(/^\ufffd+/, "");
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const throttle = new ReadThrottle(this.#options.memory);
    try {
      for await (const chunk of stream) {
        const pause = throttle.run(() => this.#addText(decoder.decode(chunk, { stream: true })));
        if (pause !== undefined) await pause;
      }
    } catch (error) {
      this.#addLines(`The end of stderr was not read: ${error}`);
    }
    this.#addLines(this.#unfinishedLine);
  }

  #addText(text: string): void {
    // The rest of a line that was cut is skipped.
    const added = this.#isCut ? text.slice(endOfLine(text)) : text;
    this.#isCut &&= added === "";
    const lines = this.#unfinishedLine + added;
    const end = lines.lastIndexOf("\n");
    if (end >= 0) this.#addLines(lines.slice(0, end));
    this.#unfinishedLine = lines.slice(end + 1);
    if (this.#isCut || this.#unfinishedLine.length <= MAX_LINE_LENGTH) return;
    this.#unfinishedLine = this.#cut(this.#unfinishedLine);
    this.#isCut = true;
  }

  #addLines(lines: string): void {
    for (const line of this.#options.redactSecrets(withoutTerminalSequences(lines)).split("\n")) {
      const text = cutLine(this.#keyRedactor.redactLine(line)).trimEnd();
      if (text === "") continue;
      this.#lines.push(detachSlice(text, lines));
      if (this.#lines.length > MAX_LINES) this.#lines.shift();
      this.#options.onLine(text);
    }
  }

  /** Cuts an unfinished line. The end of the remaining text is removed, too, because it may be half a secret. */
  #cut(line: string): string {
    const { redactSecrets, longestSecret } = this.#options;
    const cut = redactSecrets(line).slice(0, MAX_LINE_LENGTH);
    return withoutLastWord(cut.slice(0, -Math.max(1, longestSecret)));
  }
}

function cutLine(line: string): string {
  return line.length <= MAX_LINE_LENGTH ? line : withoutLastWord(line.slice(0, MAX_LINE_LENGTH));
}

function endOfLine(text: string): number {
  const end = text.indexOf("\n");
  return end < 0 ? text.length : end;
}
