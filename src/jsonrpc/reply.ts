import { JsonText, type RpcError } from "./message.ts";
import { textAt } from "./scan.ts";

/** The other side's answer to a request of ours. */
export type Reply =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly error: RpcError; readonly text: JsonText };

/** A result: parsed, and as the text it came as. */
export class Result {
  /** The parsed value. */
  readonly value: unknown;
  readonly #message: string;

  /**
   * Keeps the answer.
   *
   * @param value The parsed result.
   * @param message Text of the whole answer.
   */
  constructor(value: unknown, message: string) {
    this.value = value;
    this.#message = message;
  }

  /** The result's own text, to pass on unchanged. */
  get text(): JsonText {
    return new JsonText(textAt(this.#message, "result") ?? "null");
  }
}

/** The channel ended while an answer was awaited. */
export class ChannelClosed extends Error {
  /** Tells this class from others. */
  override readonly name = "ChannelClosed";
}

/** The answer was longer than this side takes. */
export class AnswerTooLong extends Error {
  /** Tells this class from others. */
  override readonly name = "AnswerTooLong";
  /** Size of the answer in bytes. */
  readonly bytes: number;

  /**
   * Says the size.
   *
   * @param bytes Size of the answer.
   */
  constructor(bytes: number) {
    super(`The answer has ${bytes} bytes, which is more than is taken`);
    this.bytes = bytes;
  }
}
