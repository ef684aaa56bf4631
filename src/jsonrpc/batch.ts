import type { ResponseWriter } from "./channel.ts";
import { errorText, RPC_CODES } from "./message.ts";

/**
 * Maximum total length of the answers to a batch, in UTF-16 code units. The answers are held in memory until
 * the last answer is known.
 */
const MAX_JOINED_LENGTH = 16 * 1024 * 1024;

/** The error for a message whose answer would make the answers to its batch too long together. */
const TOO_LONG = {
  code: RPC_CODES.internalError,
  message: "The answers to the batch are too long together; send this message alone",
};

/**
 * Collects the answers to a batch, and sends them together when all of its messages are handled.
 *
 * @see {@link https://www.jsonrpc.org/specification#batch}
 */
export class BatchExchange implements ResponseWriter {
  readonly #replyTo: ResponseWriter;
  readonly #answers: string[] = [];
  #pendingCount: number;
  #totalLength = 0;

  constructor(replyTo: ResponseWriter, messageCount: number) {
    this.#replyTo = replyTo;
    this.#pendingCount = messageCount;
  }

  answer(text: string, id: string | undefined): void {
    const isTooLong = this.#totalLength + text.length > MAX_JOINED_LENGTH;
    const answer = isTooLong ? errorText(id, TOO_LONG) : text;
    this.#answers.push(answer);
    this.#totalLength += answer.length + 1;
  }

  notify(text: string): void {
    this.#replyTo.notify(text);
  }

  /** Called once for each message of the batch. */
  end(): void {
    if (--this.#pendingCount > 0) return;
    if (this.#answers.length > 0) this.#replyTo.answer(`[${this.#answers.join(",")}]`, "batch");
    this.#replyTo.end();
  }
}
