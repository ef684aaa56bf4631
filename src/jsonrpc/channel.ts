/** The end of a channel that receives. All calls are synchronous and must not throw. */
export interface ChannelHandler {
  /**
   * One message as text, without its delimiter. Whether it is JSON is not known yet.
   *
   * @param text The message.
   * @param bytes Its size in UTF-8 bytes.
   * @param exchange Where what belongs to it goes, on a channel that has more than one way back.
   */
  message(text: string, bytes: number, exchange?: Exchange): void;
  /** A message that could not be taken; the channel goes on with the next one. */
  dropped(message: DroppedMessage, exchange?: Exchange): void;
  /**
   * A request gets no answer any more, though the channel goes on: over HTTP each has a way of its
   * own. Where the request was answered before, this means nothing.
   *
   * @param id The request's id as JSON text.
   * @param cause Why; a function is asked only where the request still waits.
   */
  unanswered?(id: string, cause: Error | (() => Error)): void;
  /**
   * The channel has ended; nothing follows.
   *
   * @param cause Why, where it was not an orderly end.
   */
  closed(cause?: Error): void;
}

/** The way back to whoever sent one message; over HTTP that is the answer to its POST. */
export interface Exchange {
  /**
   * Sends an answer to what the message asked.
   *
   * @param text The answer.
   * @param id Id of what it answers; `undefined` where none could be read.
   */
  answer(text: string, id: string | undefined): void;
  /** Sends an answer in parts, which are long and need not be put together first. */
  answerParts?(parts: readonly string[]): void;
  /** Sends something that belongs to it: progress, or a question before it can be answered. */
  tell(text: string): void;
  /** All that the message asked has been answered, or never will be. Called once. */
  end(): void;
}

/** A message that was skipped, with what is known of it. */
export interface DroppedMessage {
  /**
   * `too-long`: beyond the limit; `not-utf8`: bytes that are no text; `too-complex`: JSON that would
   * take many times its size to read.
   */
  readonly reason: "too-long" | "not-utf8" | "too-complex";
  /** Its size in bytes, without the delimiter. */
  readonly bytes: number;
  /** Its first bytes as text, at most 1 KiB. */
  readonly head: string;
  /** Its last bytes as text, at most 1 KiB. */
  readonly tail: string;
}

/** A duplex of JSON-RPC messages as text: over a pipe, in memory, or over HTTP. */
export interface Channel {
  /** Starts receiving. Called once. */
  open(handler: ChannelHandler): void;
  /** Queues one message; never blocks and never throws. After the end it is dropped. */
  send(text: string): void;
  /** Queues one message that comes in parts, which are long and need not be put together first. */
  sendParts?(parts: readonly string[]): void;
  /**
   * Pauses receiving some time soon, where that keeps the other side from sending: what it sends is
   * not worth the work.
   *
   * @param ms For how long; small figures add up until they are worth a pause.
   */
  rest?(ms: number): void;
  /** Resolves when all that was queued has been handed to the other side, or never will be. */
  flush(): Promise<void>;
  /** Ends the sending side after what is queued, then the receiving side. May be called again. */
  close(): Promise<void>;
}
