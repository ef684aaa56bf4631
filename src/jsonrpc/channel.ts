import type { Budget } from "../budget.ts";
import type { Message } from "./message.ts";

/** Receives the messages of a channel. The methods must not throw. */
export interface ChannelHandler {
  /**
   * Receives one message without its delimiter. It may not be valid JSON.
   *
   * @param bytes Size of the message in UTF-8 bytes.
   * @param replyTo Replies to this message, on a channel that answers each message separately.
   * @returns A promise if handling the message takes long; the channel delivers no further message before it resolves.
   */
  message(text: string, bytes: number, replyTo?: ResponseWriter): Promise<void> | void;
  /** Receives one message that the channel has parsed. */
  receiveParsed?(message: Message, replyTo?: ResponseWriter): void;
  /** Receives the report on a message that was dropped; the channel continues with the next message. */
  dropped(message: DroppedMessage, replyTo?: ResponseWriter): void;
  /**
   * Called when no further message arrives for one request while the channel stays open, as over HTTP, where each
   * request has its own response. Ignored if the request has been answered.
   *
   * @param id The id of the request as JSON text.
   * @param cause Why there is no answer; a function is called only if the request is still pending.
   */
  requestEnded?(id: string, cause: Error | (() => Error)): void;
  /**
   * Called when the channel has ended; no other call follows.
   *
   * @param cause The reason; `undefined` after an orderly end.
   */
  closed(cause?: Error): void;
}

/** Replies to the sender of one message; over HTTP, in the response to its POST. */
export interface ResponseWriter {
  /**
   * Sends an answer to the request in the message.
   *
   * @param text The answer.
   * @param id Id of the request; `undefined` if it could not be read.
   */
  answer(text: string, id: string | undefined): void;
  /** Sends a long answer in parts, which saves concatenating them. */
  answerParts?(parts: readonly string[]): void;
  /** Sends a message that belongs to the request: its progress, or a request to its sender. */
  notify(text: string): void;
  /**
   * Announces that the answer is an error because the request itself is not valid, or its method unknown; over HTTP, the
   * status says so. Called before `answer`.
   *
   * @param code The code of the error.
   */
  refuse?(code: number): void;
  /** Whether the sender reads so slowly that unimportant messages should be dropped. Default: no. */
  readonly hasSlowReader?: boolean;
  /** Ends the reply when no answer will follow. Called once. */
  end(): void;
}

/** A received message that was dropped without parsing it. */
export interface DroppedMessage {
  /**
   * `too-long`: longer than the limit; `not-utf8`: not UTF-8 text; `too-complex`: JSON that takes
   * too long to parse or is nested too deeply; `no-room`: the sender's memory budget has no room for it.
   */
  readonly reason: "too-long" | "not-utf8" | "too-complex" | "no-room";
  /** Size in bytes, without the delimiter. */
  readonly bytes: number;
  /** The first bytes as text, at most 1 KiB. */
  readonly head: string;
  /** The last bytes as text, at most 1 KiB. */
  readonly tail: string;
}

/** A message in the queue of a channel. */
export interface QueuedMessage {
  /** The message, in parts; `undefined` once it is being sent, or after it was taken out of the queue. */
  parts: readonly string[] | undefined;
  /** Length in UTF-16 code units. */
  readonly length: number;
  /** The budget that the message counts against; `undefined` once it has been written or dropped. */
  memory: Budget | undefined;
}

/** A bidirectional connection that carries JSON-RPC messages as text: over a pipe, in memory, or over HTTP. */
export interface Channel {
  /** Starts receiving. Called once. */
  open(handler: ChannelHandler): void;
  /**
   * Queues one message; never blocks and never throws. After the end, messages are dropped.
   *
   * @param memory The budget that the message counts against until it has been written; default: that of the other side.
   * @param headers HTTP headers of the message; ignored by channels that do not use HTTP.
   * @returns The message in the queue, if the channel has a queue.
   */
  send(
    text: string,
    memory?: Budget,
    headers?: Readonly<Record<string, string>>,
  ): QueuedMessage | void;
  /**
   * Removes a message from the queue.
   *
   * @returns Whether the message was in the queue; otherwise at least its beginning has been sent.
   */
  withdraw?(message: QueuedMessage): boolean;
  /** Called when a request of this side has been answered; `id` is JSON text. */
  requestAnswered?(id: string): void;
  /** Whether the queue has room for a message of a length in UTF-16 code units. Default: yes. */
  hasRoom?(length: number): boolean;
  /** Length of the queue in UTF-16 code units. */
  readonly queuedLength?: number;
  /** Resolves when the other side has read the queued messages; `undefined` while little is queued. */
  untilRead?(): Promise<void> | undefined;
  /** Queues one long message in parts, which saves concatenating them; otherwise like `send`. */
  sendParts?(parts: readonly string[], memory?: Budget): QueuedMessage | void;
  /**
   * Pauses reading, for a sender that sends useless messages.
   *
   * @param ms Duration of the pause; short pauses are added up into a longer one.
   */
  throttle?(ms: number): void;
  /**
   * Sets the listener that is called before every write of queued messages; it must not throw. If the channel
   * lacks this method, its owner must do that work itself before it sends each answer.
   */
  onBeforeWrite?(listener: () => void): void;
  /** Resolves when all queued messages have been written, or cannot be written any more. */
  flush(): Promise<void>;
  /** Ends the sending side after the queued messages, then the receiving side. Idempotent. */
  close(): Promise<void>;
}
