import type { ResponseWriter } from "./channel.ts";

/** Maximum total length of the answers to a batch that are sent together, in UTF-16 code units. */
const MAX_JOINED_LENGTH = 64 * 1024 * 1024;

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

  answer(text: string): void {
    this.#answers.push(text);
    this.#totalLength += text.length + 1;
  }

  notify(text: string): void {
    this.#replyTo.notify(text);
  }

  end(): void {
    if (--this.#pendingCount > 0) return;
    const answers = this.#answers;
    // The other side would skip a longer message, and V8 limits the length of a string.
    if (this.#totalLength > MAX_JOINED_LENGTH) {
      for (const answer of answers) this.#replyTo.answer(answer, "batch");
    } else if (answers.length > 0) {
      this.#replyTo.answer(`[${answers.join(",")}]`, "batch");
    }
    this.#replyTo.end();
  }
}
