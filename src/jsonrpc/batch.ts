import type { Exchange } from "./channel.ts";

/** Size up to which the answers to a batch are sent as one message, in UTF-16 code units. */
const MAX_BATCH_ANSWER = 64 * 1024 * 1024;

/**
 * The way back to whoever sent a batch: its answers leave together, when the last one is known.
 *
 * @see {@link https://www.jsonrpc.org/specification#batch}
 */
export class BatchExchange implements Exchange {
  readonly #exchange: Exchange;
  readonly #answers: string[] = [];
  #open: number;
  #size = 0;

  /**
   * @param exchange The way back.
   * @param count How many messages the batch has; each of them ends once.
   */
  constructor(exchange: Exchange, count: number) {
    this.#exchange = exchange;
    this.#open = count;
  }

  answer(text: string): void {
    this.#answers.push(text);
    this.#size += text.length + 1;
  }

  tell(text: string): void {
    this.#exchange.tell(text);
  }

  end(): void {
    if (--this.#open > 0) return;
    const answers = this.#answers;
    // Longer, they would be skipped by the other side, or be no string any more.
    if (this.#size > MAX_BATCH_ANSWER) {
      for (const answer of answers) this.#exchange.answer(answer, "batch");
    } else if (answers.length > 0) {
      this.#exchange.answer(`[${answers.join(",")}]`, "batch");
    }
    this.#exchange.end();
  }
}
