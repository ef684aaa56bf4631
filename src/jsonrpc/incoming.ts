import { detachSlice } from "../text.ts";
import { Cancellation, type CancelSignal } from "./cancellation.ts";
import type { ResponseWriter } from "./channel.ts";
import {
  type IdText,
  JsonText,
  MIN_PARTS_LENGTH,
  type Payload,
  type RequestMessage,
  RPC_CODES,
  type RpcError,
  serializeError,
  serializeResult,
} from "./message.ts";
import { measureParseCost } from "./parse_cost.ts";
import { textAt } from "./scan.ts";

/** The text of an answer, whole or in parts. */
export type RequestAnswer = string | readonly string[];

/** Maximum memory of a character, in bytes. */
const BYTES_PER_CHARACTER = 2;

/** The origin of a request. */
export interface RequestOrigin {
  readonly replyTo: ResponseWriter;
  /** Called when the request has ended; `answer` is `undefined` if no answer is sent. */
  readonly onEnd: (request: IncomingRequest, answer: RequestAnswer | undefined) => void;
}

/** A request from the other side, to be answered once. */
export class IncomingRequest {
  /** The id as JSON text. */
  readonly id: IdText;
  /** The name of the method. */
  readonly method: string;
  /** The parsed parameters; `undefined` if there are none. */
  readonly params: unknown;
  /** Replies to the sender. */
  readonly replyTo: ResponseWriter;
  readonly #body: string | undefined;
  readonly #isAscii: boolean;
  readonly #memory: number | undefined;
  readonly #onEnd: RequestOrigin["onEnd"];
  readonly #cancellation = new Cancellation();
  #hasEnded = false;

  /** Creates a request that was received from `origin`. */
  constructor(
    message: Pick<
      RequestMessage,
      "id" | "method" | "params" | "body" | "bytes" | "memory" | "text"
    >,
    { replyTo, onEnd }: RequestOrigin,
  ) {
    this.id = message.id;
    this.method = message.method;
    this.params = message.params;
    this.replyTo = replyTo;
    this.#body = message.body;
    this.#memory = message.memory;
    this.#isAscii = message.bytes === message.text.length;
    this.#onEnd = onEnd;
  }

  /** Aborts when the other side cancels the request or disconnects. */
  get signal(): CancelSignal {
    return this.#cancellation;
  }

  /** The memory that the request takes until it ends, in bytes. */
  get memory(): number {
    if (this.#memory !== undefined) return this.#memory;
    const bodyMemory = this.#body === undefined
      ? 0
      : measureParseCost(this.#body, this.#isAscii).memory;
    return bodyMemory + BYTES_PER_CHARACTER * this.id.length;
  }

  /** The request as a message, without members that JSON-RPC does not define. */
  get text(): string {
    const params = this.#body === undefined ? "" : `,"params":${this.#body}`;
    return `{"jsonrpc":"2.0","id":${this.id},"method":${JSON.stringify(this.method)}${params}}`;
  }

  /** Whether the sender reads so slowly that unimportant messages should be dropped. */
  get hasSlowReader(): boolean {
    return this.replyTo.hasSlowReader === true;
  }

  /** Sends a message that belongs to this request, such as its progress. */
  notify(text: string): void {
    this.replyTo.notify(text);
  }

  /**
   * Returns the text of a parameter as received.
   *
   * @param path Keys below `params`.
   * @returns `undefined` if there is no such parameter.
   */
  paramText(...path: readonly string[]): JsonText | undefined {
    const body = this.#body;
    const text = body === undefined ? undefined : textAt(body, ...path);
    return body === undefined || text === undefined
      ? undefined
      : new JsonText(detachSlice(text, body));
  }

  /** Answers with a result. Only the first answer is sent, and none after a cancellation. */
  reply(result: Payload): void {
    if (this.#hasEnded) return;
    const parts = serializeResult(this.id, result);
    // Concatenating a megabyte takes 0.5 ms, longer than all other work on the answer.
    this.#end(parts.some(isLong) ? parts : parts.join(""));
  }

  /** Answers with an error. Only the first answer is sent, and none after a cancellation. */
  fail(error: RpcError | JsonText): void {
    if (!this.#hasEnded) this.#end(serializeError(this.id, error));
  }

  /** Answers with an error because the request itself is not valid, or its method unknown. */
  refuse(error: RpcError): void {
    if (this.#hasEnded) return;
    this.replyTo.refuse?.(error.code);
    this.fail(error);
  }

  /** Answers that the method is unknown. */
  failUnknownMethod(): void {
    this.refuse({ code: RPC_CODES.methodNotFound, message: `Method not found: ${this.method}` });
  }

  /**
   * Marks the request as cancelled by the other side: no answer will be sent.
   *
   * @param reason The reason that the other side gave, or why it cannot receive an answer.
   */
  cancel(reason: string): void {
    if (this.#hasEnded) return;
    this.#end(undefined);
    this.#cancellation.cancel(reason);
  }

  #end(answer: RequestAnswer | undefined): void {
    this.#hasEnded = true;
    this.#onEnd(this, answer);
  }
}

function isLong({ length }: string): boolean {
  return length >= MIN_PARTS_LENGTH;
}
