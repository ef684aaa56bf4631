import type { ResponseWriter } from "./channel.ts";

/** Maximum size of the answers to a batch that are sent as one message, in UTF-16 code units. */
const MAX_BATCH_ANSWER = 64 * 1024 * 1024;

/**
 * Collects the answers to a batch and sends them together once the last one is known.
 *
 * @see {@link https://www.jsonrpc.org/specification#batch}
 */
export class BatchExchange implements ResponseWriter {
  readonly #replyTo: ResponseWriter;
  readonly #answers: string[] = [];
  #open: number;
  #size = 0;

  constructor(replyTo: ResponseWriter, count: number) {
    this.#replyTo = replyTo;
    this.#open = count;
  }

  answer(text: string): void {
    this.#answers.push(text);
    this.#size += text.length + 1;
  }

  notify(text: string): void {
    this.#replyTo.notify(text);
  }

  end(): void {
    if (--this.#open > 0) return;
    const answers = this.#answers;
    // The other side would skip a longer message, and V8 cannot make a string of any length.
    if (this.#size > MAX_BATCH_ANSWER) {
      for (const answer of answers) this.#replyTo.answer(answer, "batch");
    } else if (answers.length > 0) {
      this.#replyTo.answer(`[${answers.join(",")}]`, "batch");
    }
    this.#replyTo.end();
  }
}
