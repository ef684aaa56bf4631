import type { Budget } from "../budget.ts";
import type { ResponseWriter } from "./channel.ts";
import { RPC_CODES, serializeError } from "./message.ts";

/**
 * Maximum total length of the answers to a batch, in UTF-16 code units. The answers are held in memory until
 * the last one is known. Encoding them together then blocks the event loop.
 */
const MAX_JOINED_LENGTH = 4 * 1024 * 1024;

/** The error in place of an answer, if there is no room to hold the answer until the rest of the batch is answered. */
const TOO_LONG = {
  code: RPC_CODES.internalError,
  message: "The answers to the batch are too long together; send this message alone",
};

/** Memory of the text and the parsed values of a batch, as a multiple of its length. */
const TEXT_MEMORY = 4;

/** Further memory of each message in a batch, in bytes. */
const MESSAGE_BYTES = 400;

/** The invalid message in place of a batch for which the sender's memory budget has no room. */
export const NO_ROOM_FOR_BATCH = {
  kind: "invalid",
  error: {
    code: RPC_CODES.invalidRequest,
    message:
      "The batch does not fit into the sender's share of the memory beside earlier messages; " +
      "send it again when they are answered, or each message alone",
  },
  id: undefined,
  probableKind: undefined,
} as const;

/** The invalid message in place of a batch in a revision that has no batches. */
export const NO_BATCHES = {
  kind: "invalid",
  error: {
    code: RPC_CODES.invalidRequest,
    message: "Only revision 2025-03-26 of MCP has batches; send each message alone",
  },
  id: undefined,
  probableKind: undefined,
} as const;

/** Returns the memory that a batch takes until all its messages are dispatched, in bytes. */
export function estimateBatchBytes(text: string, messageCount: number): number {
  return TEXT_MEMORY * text.length + MESSAGE_BYTES * messageCount;
}

/** Options of the answers to a batch. */
export interface BatchOptions {
  /** Number of messages in the batch. */
  readonly messageCount: number;
  /** The budget that held answers count against; `undefined` if only `MAX_JOINED_LENGTH` limits them. */
  readonly memory: Budget | undefined;
}

/**
 * Collects the answers to a batch, and sends them together when all of its messages are handled.
 *
 * @see {@link https://www.jsonrpc.org/specification#batch}
 */
export class BatchWriter implements ResponseWriter {
  readonly #replyTo: ResponseWriter;
  readonly #answers: string[] = [];
  readonly #memory: Budget | undefined;
  #pendingCount: number;
  #totalLength = 0;

  constructor(replyTo: ResponseWriter, { messageCount, memory }: BatchOptions) {
    this.#replyTo = replyTo;
    this.#pendingCount = messageCount;
    this.#memory = memory;
  }

  answer(text: string, id: string | undefined): void {
    const isTooLong = this.#totalLength + text.length > MAX_JOINED_LENGTH ||
      this.#memory?.hasRoom(text.length) === false;
    const answer = isTooLong ? serializeError(id, TOO_LONG) : text;
    this.#answers.push(answer);
    this.#totalLength += answer.length + 1;
    this.#memory?.add(answer.length + 1);
  }

  notify(text: string): void {
    this.#replyTo.notify(text);
  }

  /** Called once for each message of the batch. */
  end(): void {
    if (--this.#pendingCount > 0) return;
    this.#memory?.add(-this.#totalLength);
    if (this.#answers.length > 0) this.#replyTo.answer(`[${this.#answers.join(",")}]`, "batch");
    this.#replyTo.end();
  }
}
