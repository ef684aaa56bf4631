import type { Budget } from "../../budget.ts";
import { decodeUtf8, type DroppedMessage, LineSplitter } from "../../jsonrpc/mod.ts";
import { detachSlice, startOfText } from "../../text.ts";

/** One event of a stream. */
export interface SseEvent {
  /** The type of the event, from the field `event`; `message` if there is no such field. */
  readonly kind: string;
  /** The id of the event, if it has one. */
  readonly id: string | undefined;
  /** Pause before the stream is opened again, in milliseconds, if the event sets it. */
  readonly retryMs: number | undefined;
  /** The data of the event, if it has any. */
  readonly data: IncomingText | undefined;
}

/** A text with its size in bytes, or an excerpt of a text that is too long or not UTF-8. */
export type IncomingText = { readonly text: string; readonly bytes: number } | DroppedMessage;

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

/** Maximum size of a field's name, with the colon and the space after it, in bytes. */
const MAX_FIELD_NAME_BYTES = 16;

/** Maximum length of the type of an event; a longer one is replaced by `UNKNOWN_KIND`. */
const MAX_KIND_LENGTH = 64;
const UNKNOWN_KIND = "unknown";

/** Maximum length of the id of an event; a longer one is ignored. */
const MAX_ID_LENGTH = 1024;

/** Memory of a line of data besides its text, in bytes. */
const DATA_LINE_BYTES = 80;

/** Length of the excerpts from both ends of data that are too long or not UTF-8. */
const EXCERPT_LENGTH = 1024;

/**
 * Splits a stream of bytes into server-sent events, in time linear in its size. Of an event that is longer
 * than the limit, only excerpts from both ends are kept.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream}
 */
export class SseParser {
  readonly #lines: LineSplitter;
  readonly #onEvent: (event: SseEvent) => Promise<void> | void;
  readonly #maxBytes: number;
  readonly #memory: Budget | undefined;
  readonly #decoder = new TextDecoder();
  #endsWithReturn = false;
  #kind = "";
  #id: string | undefined;
  #retryMs: number | undefined;
  #data: IncomingText | undefined;
  // Number of lines of `#data`.
  #dataLineCount = 0;
  // The bytes of `#data` that count against the memory budget.
  #heldBytes = 0;

  /**
   * Creates a parser for one stream.
   *
   * @param limits The size limit of the data of an event, in bytes, and the budget that incomplete events count
   * against; by default it is not limited.
   * @param onEvent Receives each event; returns a promise that the next event waits for, if any.
   */
  constructor(
    { maxBytes, memory }: { readonly maxBytes: number; readonly memory?: Budget | undefined },
    onEvent: (event: SseEvent) => Promise<void> | void,
  ) {
    this.#maxBytes = maxBytes;
    this.#memory = memory;
    this.#onEvent = onEvent;
    this.#lines = new LineSplitter(maxBytes + MAX_FIELD_NAME_BYTES, {
      keepsEmptyLines: true,
      memory,
      line: (line) => this.#parseLine(line),
      dropped: (line) => {
        const head = fieldValue(line.head);
        const bytes = line.bytes - (line.head.length - head.length);
        if (line.head.startsWith("data:")) this.#data = { ...line, bytes, head };
      },
    });
  }

  /** Whether the current event is being dropped: it exceeds the limit, or the memory budget has no room for it. */
  get isDropping(): boolean {
    const data = this.#data;
    return this.#lines.isDropping ||
      (data !== undefined && "reason" in data && data.reason !== "not-utf8");
  }

  /** Whether the current event is being dropped because the memory budget has no room for it. */
  get lacksRoom(): boolean {
    const data = this.#data;
    return this.#lines.lacksRoom ||
      (data !== undefined && "reason" in data && data.reason === "no-room");
  }

  /** Frees the memory of the current event, which will not be completed. */
  release(): void {
    this.#lines.release();
    this.#holdBytes(0);
  }

  /**
   * Parses the next bytes.
   *
   * @param chunk The bytes, which must stay valid until a returned promise resolves.
   * @returns A promise that the next call must wait for, if any.
   */
  push(chunk: Uint8Array): Promise<void> | void {
    return this.#lines.push(this.#normalizeLineEnds(chunk));
  }

  /**
   * Replaces all line ends of a chunk by line feeds if a carriage return in it is not followed by a line feed.
   * A line may end with a carriage return, a line feed or both; a carriage return alone is rare.
   */
  #normalizeLineEnds(chunk: Uint8Array): Uint8Array {
    const bytes = this.#endsWithReturn && chunk[0] === LINE_FEED ? chunk.subarray(1) : chunk;
    this.#endsWithReturn = bytes.at(-1) === CARRIAGE_RETURN ||
      (this.#endsWithReturn && chunk.length === 0);
    return hasLoneReturn(bytes) ? replaceLineEnds(bytes) : bytes;
  }

  #parseLine(line: Uint8Array): Promise<void> | void {
    if (line.length === 0) return this.#dispatch();
    const text = decodeUtf8(line, this.#decoder);
    if (text === undefined) {
      const lossy = new TextDecoder();
      this.#data = {
        reason: "not-utf8",
        bytes: line.length,
        head: fieldValue(lossy.decode(line.subarray(0, EXCERPT_LENGTH))),
        tail: lossy.decode(line.subarray(-EXCERPT_LENGTH)),
      };
      return;
    }
    const value = fieldValue(text);
    switch (text.slice(0, text.length - value.length).replace(/: ?$/, "")) {
      case "data":
        return this.#addData(value, line.length - (text.length - value.length));
      case "event":
        this.#kind = value.length > MAX_KIND_LENGTH ? UNKNOWN_KIND : value;
        break;
      case "id":
        if (!value.includes("\0") && value.length <= MAX_ID_LENGTH) this.#id = value;
        break;
      case "retry":
        if (/^\d+$/.test(value)) this.#retryMs = Number(value);
    }
  }

  #addData(text: string, bytes: number): void {
    const previous = this.#data;
    const size = previous === undefined ? bytes : previous.bytes + 1 + bytes;
    if (previous !== undefined && "reason" in previous) {
      this.#data = { ...previous, bytes: size };
      return;
    }
    const joined = previous === undefined ? text : `${previous.text}\n${text}`;
    const isTooLong = size > this.#maxBytes;
    if (!isTooLong && this.#memory?.hasRoom(bytes + DATA_LINE_BYTES) !== false) {
      this.#data = { text: joined, bytes: size };
      return this.#holdBytes(size + DATA_LINE_BYTES * ++this.#dataLineCount);
    }
    this.#holdBytes(0);
    this.#data = {
      reason: isTooLong ? "too-long" : "no-room",
      bytes: size,
      head: startOfText(joined, EXCERPT_LENGTH),
      tail: detachSlice(joined.slice(-EXCERPT_LENGTH), joined),
    };
  }

  #holdBytes(bytes: number): void {
    this.#memory?.add(bytes - this.#heldBytes);
    this.#heldBytes = bytes;
  }

  #dispatch(): Promise<void> | void {
    this.#holdBytes(0);
    const event = {
      kind: this.#kind === "" ? "message" : this.#kind,
      id: this.#id,
      retryMs: this.#retryMs,
      data: this.#data,
    };
    this.#kind = "";
    this.#id = undefined;
    this.#retryMs = undefined;
    this.#data = undefined;
    this.#dataLineCount = 0;
    if (event.id !== undefined || event.retryMs !== undefined || event.data !== undefined) {
      return this.#onEvent(event);
    }
  }
}

function hasLoneReturn(bytes: Uint8Array): boolean {
  let index = bytes.indexOf(CARRIAGE_RETURN);
  while (index >= 0 && bytes[index + 1] === LINE_FEED) {
    index = bytes.indexOf(CARRIAGE_RETURN, index + 1);
  }
  return index >= 0;
}

function replaceLineEnds(bytes: Uint8Array): Uint8Array {
  const replaced = new Uint8Array(bytes.length);
  let length = 0;
  for (const [index, byte] of bytes.entries()) {
    if (byte === LINE_FEED && bytes[index - 1] === CARRIAGE_RETURN) continue;
    replaced[length++] = byte === CARRIAGE_RETURN ? LINE_FEED : byte;
  }
  return replaced.subarray(0, length);
}

/** Returns the value of a field: the text after the first colon and an optional space; empty without a colon. */
function fieldValue(line: string): string {
  const colon = line.indexOf(":");
  if (colon < 0) return "";
  return line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
}
