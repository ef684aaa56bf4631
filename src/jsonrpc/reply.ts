import { JsonText, type ResultMessage, type RpcError } from "./message.ts";

/** The answer to a request. */
export type Reply =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly error: RpcError; readonly text: JsonText };

/** A result, parsed and as text. */
export class Result {
  /** The parsed value. */
  readonly value: unknown;
  /** The text as received, to pass on unchanged. */
  readonly text: JsonText;
  /** Size of `text` in UTF-8 bytes. */
  readonly bytes: number;

  /** Creates a result from a message. */
  constructor({ value, body, bytes }: Pick<ResultMessage, "value" | "body" | "bytes">) {
    this.value = value;
    this.text = new JsonText(body);
    this.bytes = bytes;
  }
}

/** The channel ended before the answer arrived. */
export class ChannelClosed extends Error {
  /** The name of the class. */
  override readonly name = "ChannelClosed";
}

/** The answer was longer than the limit. */
export class AnswerTooLong extends Error {
  /** The name of the class. */
  override readonly name = "AnswerTooLong";
  /** Size of the answer in bytes. */
  readonly bytes: number;

  /** Creates an error for an answer of this size. */
  constructor(bytes: number) {
    super(`The answer of ${bytes} bytes is longer than the limit`);
    this.bytes = bytes;
  }
}
