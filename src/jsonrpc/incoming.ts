import {
  errorText,
  type IdText,
  JsonText,
  type Payload,
  resultText,
  RPC_CODES,
  type RpcError,
} from "./message.ts";
import { textAt } from "./scan.ts";

/** A request of the other side, to be answered once. */
export class IncomingRequest {
  /** The id as JSON text. */
  readonly id: IdText;
  /** The method's name. */
  readonly method: string;
  /** The parsed parameters; `undefined` where there are none. */
  readonly params: unknown;
  /** Sends the text of a message of ours that belongs to this request. */
  readonly tell: (text: string) => void;
  readonly #text: string;
  readonly #finish: (answer: string | undefined) => void;
  #abort: AbortController | undefined;
  #cancelled: string | undefined;
  #done = false;

  /**
   * Takes the request.
   *
   * @param message The request and its text.
   * @param tell Sends what belongs to it.
   * @param finish Takes the answer's text, or nothing where none is to be sent.
   */
  constructor(
    message: { id: IdText; method: string; params: unknown; text: string },
    tell: (text: string) => void,
    finish: (answer: string | undefined) => void,
  ) {
    this.id = message.id;
    this.method = message.method;
    this.params = message.params;
    this.#text = message.text;
    this.tell = tell;
    this.#finish = finish;
  }

  /** Aborts when the other side cancels the request or is gone; made on first use. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#cancelled !== undefined) this.#abort.abort(this.#cancelled);
    return this.#abort.signal;
  }

  /**
   * Text of a parameter as it came.
   *
   * @param path Keys below `params`.
   * @returns `undefined` where there is no such parameter.
   */
  paramText(...path: readonly string[]): JsonText | undefined {
    const text = textAt(this.#text, "params", ...path);
    return text === undefined ? undefined : new JsonText(text);
  }

  /** Answers with a result. Only the first answer counts; after a cancellation none is sent. */
  reply(result: Payload): void {
    if (!this.#done) this.#end(resultText(this.id, result));
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
    this.#cancelled = reason;
    this.#end(undefined);
    this.#abort?.abort(reason);
  }

  #end(answer: string | undefined): void {
    this.#done = true;
    this.#finish(answer);
  }
}
