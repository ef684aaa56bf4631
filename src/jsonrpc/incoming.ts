import { Cancellation, type CancelSignal } from "./cancellation.ts";
import type { Exchange } from "./channel.ts";
import {
  errorText,
  type IdText,
  JsonText,
  type Payload,
  type RequestMessage,
  resultParts,
  RPC_CODES,
  type RpcError,
} from "./message.ts";
import { textAt } from "./scan.ts";

/** The text of an answer, or the parts of it. */
export type Answer = string | readonly string[];

/** From which length on a result is not put together with what stands around it. */
const LONG = 32 * 1024;

/** Where a request came from. */
export interface RequestOrigin {
  /** The way back to whoever sent it. */
  readonly exchange: Exchange;
  /** Takes the request when it is over, and its answer where one is to be sent. */
  readonly onEnd: (request: IncomingRequest, answer: Answer | undefined) => void;
}

/** A request of the other side, to be answered once. */
export class IncomingRequest {
  /** The id as JSON text. */
  readonly id: IdText;
  /** The method's name. */
  readonly method: string;
  /** The parsed parameters; `undefined` where there are none. */
  readonly params: unknown;
  /** The way back to whoever sent it. */
  readonly exchange: Exchange;
  readonly #body: string | undefined;
  readonly #onEnd: RequestOrigin["onEnd"];
  readonly #cancellation = new Cancellation();
  #done = false;

  /**
   * Takes the request.
   *
   * @param message The request.
   * @param origin Where it came from.
   */
  constructor(
    message: Pick<RequestMessage, "id" | "method" | "params" | "body">,
    { exchange, onEnd }: RequestOrigin,
  ) {
    this.id = message.id;
    this.method = message.method;
    this.params = message.params;
    this.exchange = exchange;
    this.#body = message.body;
    this.#onEnd = onEnd;
  }

  /** Aborts when the other side cancels the request or is gone. */
  get signal(): CancelSignal {
    return this.#cancellation;
  }

  /** Sends the text of a message of ours that belongs to this request. */
  tell(text: string): void {
    this.exchange.tell(text);
  }

  /**
   * Text of a parameter as it came.
   *
   * @param path Keys below `params`.
   * @returns `undefined` where there is no such parameter.
   */
  paramText(...path: readonly string[]): JsonText | undefined {
    const text = this.#body === undefined ? undefined : textAt(this.#body, ...path);
    return text === undefined ? undefined : new JsonText(text);
  }

  /** Answers with a result. Only the first answer counts; after a cancellation none is sent. */
  reply(result: Payload): void {
    if (this.#done) return;
    const parts = resultParts(this.id, result);
    // Putting a megabyte together takes longer than all else that is done with it (0.5 ms).
    this.#end(parts[1].length >= LONG ? parts : parts[0] + parts[1] + parts[2]);
  }

  /** Answers with an error. Only the first answer counts; after a cancellation none is sent. */
  fail(error: RpcError | JsonText): void {
    if (!this.#done) this.#end(errorText(this.id, error));
  }

  /** Answers that the method is not known here. */
  failUnknownMethod(): void {
    this.fail({ code: RPC_CODES.methodNotFound, message: `Method not found: ${this.method}` });
  }

  /**
   * Marks the request as cancelled by the side that sent it: it gets no answer any more.
   *
   * @param reason What the other side said, or why it can no longer listen.
   */
  cancel(reason: string): void {
    if (this.#done) return;
    this.#end(undefined);
    this.#cancellation.cancel(reason);
  }

  #end(answer: Answer | undefined): void {
    this.#done = true;
    this.#onEnd(this, answer);
  }
}
