import { AnswerTooLong, readIdAndMethod } from "../../jsonrpc/mod.ts";
import { startOfText } from "../../text.ts";
import { mediaTypeOf } from "../http_responses.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { messageIn, readEvents } from "./event_stream.ts";
import { explainMissingAnswer, type ReceivedResponse } from "./missing_answer.ts";
import { explainNetworkFailure } from "./network_error.ts";
import type { OutgoingMessage, RemoteClientOptions } from "./remote_client.ts";
import { encodingOf, readBody } from "./response.ts";
import type { IncomingText, SseEvent } from "./sse_parser.ts";

/** Size of the beginning of a stream that is kept to explain a missing answer, in bytes. */
const BEGINNING_BYTES = 2048;

/** Options of reading the responses to a message. */
export interface ResponseReaderOptions {
  /** The message. */
  readonly message: OutgoingMessage;
  /** Cancels the reading. */
  readonly signal: AbortSignal;
}

/** Reads the messages in the response to one message, and explains why the answer is not among them. */
export class ResponseReader {
  /** Whether the answer has arrived on a stream. */
  isAnswered = false;
  readonly #received: ReceivedResponse;
  readonly #client: RemoteClientOptions;
  readonly #options: ResponseReaderOptions;

  /**
   * Creates a reader.
   *
   * @param response The first response.
   * @param client The options of the client, which receives the messages.
   * @param options The message that was sent, and the signal.
   */
  constructor(response: Response, client: RemoteClientOptions, options: ResponseReaderOptions) {
    this.#client = client;
    this.#options = options;
    this.#received = {
      status: response.status,
      mediaType: mediaTypeOf(response),
      encoding: encodingOf(response),
      data: undefined,
      messageCount: 0,
      firstBytes: undefined,
    };
  }

  /** Whether the response has no body that could be read as messages. */
  get isUnreadable(): boolean {
    const { status, encoding } = this.#received;
    return status === 202 || status === 204 || encoding !== undefined;
  }

  /** Explains why no answer arrived, to be called only in that case. */
  explain(): RemoteFailure {
    const { requester, url } = this.#client;
    const redactSecrets = (text: string): string => requester.redactSecrets(text, url);
    const id = this.#options.message.id ?? "";
    return explainMissingAnswer(this.#received, { host: url.host, id, redactSecrets });
  }

  /**
   * Reads a whole body, which is one message or several.
   *
   * @throws {RemoteFailure} if it breaks off.
   * @throws {AnswerTooLong} if it is too long.
   */
  async readBody(response: Response): Promise<void> {
    const { maxBytes, memory, onMessage } = this.#client;
    const { signal } = this.#options;
    let data: IncomingText;
    try {
      data = await readBody(response, { maxBytes, memory, signal });
    } catch (cause) {
      throw this.#explainBreak(cause);
    }
    this.#received.data = data;
    // The content type is ignored: a body that looks like JSON may be the answer of a tool that has run.
    if (!("reason" in data) && !/^\s*[[{]/.test(data.text)) return;
    await onMessage(data);
  }

  /**
   * Reads an event stream to its end.
   *
   * @param options `onEvent` receives each event before its message is passed on. `interruption` ends the reading of this
   * stream; its reason is thrown.
   * @throws {RemoteFailure} if it breaks off before the answer.
   * @throws {AnswerTooLong} if an event is too long.
   */
  async readStream(
    response: Response,
    { onEvent, interruption }: {
      readonly onEvent?: (event: SseEvent) => void;
      readonly interruption?: AbortSignal;
    } = {},
  ): Promise<void> {
    const { maxBytes, memory, throttles, onMessage } = this.#client;
    const { signal } = this.#options;
    const received = this.#received;
    try {
      await readEvents(response, {
        maxBytes,
        memory,
        throttles,
        signal,
        interruption,
        onBytes: (bytes) => {
          received.firstBytes ??= bytes.slice(0, BEGINNING_BYTES);
          this.#options.message.onResponsePart();
        },
        isDone: () => this.isAnswered,
        onEvent: (event) => {
          onEvent?.(event);
          const message = messageIn(event);
          if (message === undefined) return;
          if ("reason" in message && message.reason === "too-long") {
            throw new AnswerTooLong(message.bytes);
          }
          received.messageCount++;
          received.data = beginningOf(message);
          this.isAnswered ||= isAnswer(message);
          return onMessage(message);
        },
      });
    } catch (cause) {
      const failure = this.#explainBreak(cause);
      // A stream may break off once the answer has arrived.
      if (failure === cause || signal.aborted || !this.isAnswered) throw failure;
    }
  }

  /** Returns what is thrown instead of the error of a read. */
  #explainBreak(cause: unknown): unknown {
    const { signal } = this.#options;
    if (signal.aborted) return signal.reason;
    if (cause instanceof AnswerTooLong || cause instanceof RemoteFailure) return cause;
    return explainNetworkFailure(cause, { url: this.#client.url, isAnswering: true });
  }
}

/** Returns the beginning of a message, without keeping the rest in memory. */
function beginningOf(message: IncomingText): IncomingText {
  if ("reason" in message) return message;
  return { text: startOfText(message.text, BEGINNING_BYTES), bytes: message.bytes };
}

/** Whether a message is an answer. An array, or a message that is not UTF-8, counts as an answer. */
function isAnswer(data: IncomingText): boolean {
  if ("reason" in data) return true;
  const firstCharacter = data.text.trimStart()[0];
  if (firstCharacter !== "{") return firstCharacter === "[";
  try {
    const { id, method } = readIdAndMethod(data.text);
    return method === undefined && id !== undefined;
  } catch {
    return false;
  }
}
