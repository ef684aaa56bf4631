import { AnswerTooLong } from "../../jsonrpc/mod.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { untilAborted } from "../until_aborted.ts";
import { messageIn, readEvents, SHARED_STREAM_SKIP_FACTOR } from "./event_stream.ts";
import { explainSessionFailure } from "./http_error.ts";
import type { OutgoingMessage, RemoteClient, RemoteClientOptions } from "./remote_client.ts";
import { isEventStream } from "./response.ts";
import type { IncomingText } from "./sse_parser.ts";
import { explainMissingStream } from "./missing_answer.ts";

/** Maximum length of the endpoint in UTF-16 code units, because it is kept in memory. */
const MAX_ENDPOINT_LENGTH = 8192;

/**
 * A client of HTTP+SSE, the transport of revision 2024-11-05: one event stream is the session, and
 * each message to the server is a POST to the endpoint that an event of the stream names.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse}
 */
export class SseClient implements RemoteClient {
  /** Always `true`: the server keeps a session under an id, which is part of the endpoint. */
  readonly hasSessionId = true;
  readonly #options: RemoteClientOptions;
  readonly #controller = new AbortController();
  readonly #endpoint = Promise.withResolvers<URL>();
  #hasOpened = false;
  #hasEndpoint = false;
  #headers: Readonly<Record<string, string>> = {};

  /**
   * Creates a client that connects with the first message.
   *
   * @param options Options of the client.
   */
  constructor(options: RemoteClientOptions) {
    this.#options = options;
  }

  async send({ text, role }: OutgoingMessage, signal: AbortSignal): Promise<undefined> {
    const { requester, maxBusyWaitMs } = this.#options;
    if (!this.#hasOpened) {
      this.#hasOpened = true;
      void this.#open();
      // A rejection is reported by the messages that await the endpoint.
      this.#endpoint.promise.catch(() => {});
    }
    const endpoint = await untilAborted(this.#endpoint.promise, signal);
    const { body } = await requester.send(endpoint, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#headers },
      body: text,
      signal,
      maxBusyWaitMs: role === "open" ? maxBusyWaitMs.start : maxBusyWaitMs.call,
    }).catch((cause) => {
      throw explainSessionFailure(cause);
    });
    // The answer to the message arrives on the event stream.
    await body?.cancel();
    return undefined;
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers;
  }

  /** Does nothing: the stream is the session, whose answers have shown that it is open. */
  reopenStreams(): void {}

  /** Does nothing: the end of the stream ends the session. */
  endSession(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#controller.abort();
  }

  /** Opens the event stream, and reads it to its end. */
  async #open(): Promise<void> {
    const { url, requester, maxBusyWaitMs, onLost } = this.#options;
    const { signal } = this.#controller;
    let response: Response;
    try {
      response = await requester.send(url, {
        method: "GET",
        headers: { accept: "text/event-stream" },
        signal,
        maxBusyWaitMs: maxBusyWaitMs.start,
      });
      if (!isEventStream(response)) {
        const redactSecrets = (text: string): string => requester.redactSecrets(text, url);
        throw await explainMissingStream(response, { host: url.host, redactSecrets });
      }
    } catch (cause) {
      return this.#endpoint.reject(cause);
    }
    let error: unknown;
    try {
      await this.#read(response);
    } catch (cause) {
      error = cause;
    }
    if (signal.aborted) return;
    const verb = error === undefined ? "ended" : "broke off";
    const message = error instanceof AnswerTooLong
      ? `${url.host} sent a message of more than ${error.bytes} bytes on its event stream`
      : `${url.host} ${verb} the event stream that is its session`;
    onLost(new RemoteFailure(message, { reach: "maybe", endsSession: true, cause: error }));
  }

  #read(response: Response): Promise<void> {
    const { maxBytes, memory, throttles, onMessage } = this.#options;
    return readEvents(response, {
      maxBytes,
      memory,
      maxSkippedBytes: SHARED_STREAM_SKIP_FACTOR * maxBytes,
      throttles,
      signal: this.#controller.signal,
      onEvent: (event) => {
        const { kind, data } = event;
        if (kind === "endpoint" && !this.#hasEndpoint) this.#setEndpoint(data);
        const message = messageIn(event);
        return message === undefined ? undefined : onMessage(message);
      },
    });
  }

  /** Sets the endpoint, or fails the connection if the endpoint is too long or has another origin than the server. */
  #setEndpoint(data: IncomingText | undefined): void {
    const { url } = this.#options;
    this.#hasEndpoint = true;
    const text = data !== undefined && "text" in data ? data.text : undefined;
    const isUsable = text !== undefined && text.length <= MAX_ENDPOINT_LENGTH;
    const endpoint = isUsable ? URL.parse(text, url) : null;
    if (endpoint?.origin === url.origin) return this.#endpoint.resolve(endpoint);
    const message = "it names no endpoint of its own origin, of at most " +
      `${MAX_ENDPOINT_LENGTH} characters, on its event stream`;
    this.#endpoint.reject(new RemoteFailure(message, { reach: "never" }));
    this.#controller.abort();
  }
}
