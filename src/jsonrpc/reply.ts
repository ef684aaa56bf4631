import { JsonText, type ResultMessage, type RpcError } from "./message.ts";

/** The other side's answer to a request of ours. */
export type Reply =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly error: RpcError; readonly text: JsonText };

/** A result: parsed, and as the text it came as. */
export class Result {
  /** The parsed value. */
  readonly value: unknown;
  /** The result's own text, to pass on unchanged. */
  readonly text: JsonText;
  /** Size of that text in UTF-8, in bytes. */
  readonly bytes: number;

  /**
   * Keeps the answer.
   *
   * @param message The parsed result, its text, and the size of that.
   */
  constructor({ value, body, bytes }: Pick<ResultMessage, "value" | "body" | "bytes">) {
    this.value = value;
    this.text = new JsonText(body);
    this.bytes = bytes;
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
