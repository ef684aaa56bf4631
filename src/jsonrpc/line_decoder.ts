import type { Budget } from "../budget.ts";
import type { ChannelHandler, DroppedMessage } from "./channel.ts";
import { LineSplitter, type LineSplitterOptions } from "./line_splitter.ts";
import { decodeUtf8, utf8Bytes } from "./utf8.ts";

/** The character that may precede a message but is not part of it. */
const BYTE_ORDER_MARK = 0xfeff;
const BYTE_ORDER_MARK_BYTES = 3;

/**
 * Decodes lines into messages. Short lines usually arrive several at a time and are decoded together:
 * each call of the decoder costs as much as parsing one message.
 */
export class LineDecoder implements LineSplitterOptions {
  readonly memory: Budget | undefined;
  readonly #handler: Pick<ChannelHandler, "message" | "dropped">;
  // The decoder keeps byte order marks, so that they are found at the beginning of every line.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /**
   * Creates a decoder.
   *
   * @param handler Receives the messages.
   * @param memory The budget that incomplete lines count against; default: no limit.
   */
  constructor(handler: Pick<ChannelHandler, "message" | "dropped">, memory?: Budget) {
    this.#handler = handler;
    this.memory = memory;
  }

  line(line: Uint8Array): Promise<void> | void {
    const text = decodeUtf8(line, this.#decoder);
    if (text !== undefined) return this.#deliver(text, line.length);
    this.#handler.dropped({
      reason: "not-utf8",
      bytes: line.length,
      head: new TextDecoder().decode(line.subarray(0, 1024)),
      tail: new TextDecoder().decode(line.subarray(-1024)),
    });
  }

  block(lines: Uint8Array): void {
    const text = decodeUtf8(lines, this.#decoder);
    // Decode line by line to find the invalid line.
    if (text === undefined) return splitLines(lines, (line) => this.line(line));
    const isAscii = text.length === lines.length;
    for (let start = 0; start < text.length;) {
      const lineFeed = text.indexOf("\n", start);
      const end = lineFeed < 0 ? text.length : lineFeed;
      const line = text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
      if (line !== "") this.#deliver(line, isAscii ? line.length : utf8Bytes(line));
      start = end + 1;
    }
  }

  dropped(message: DroppedMessage): void {
    this.#handler.dropped(message);
  }

  #deliver(text: string, bytes: number): Promise<void> | void {
    return text.charCodeAt(0) === BYTE_ORDER_MARK
      ? this.#handler.message(text.slice(1), bytes - BYTE_ORDER_MARK_BYTES)
      : this.#handler.message(text, bytes);
  }
}

/** Splits a block into lines. No line is too long, because the limit is the length of the block. */
function splitLines(lines: Uint8Array, line: (line: Uint8Array) => void): void {
  const splitter = new LineSplitter(lines.length, { line, dropped: () => {} });
  splitter.push(lines);
  splitter.end();
}
