import { AnswerTooLong } from "../../jsonrpc/mod.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { untilAborted } from "../until_aborted.ts";
import { messageIn, readEvents, SHARED_SKIPS } from "./event_stream.ts";
import { sessionFailure } from "./http_error.ts";
import type { OutgoingMessage, RemoteClient, RemoteClientOptions } from "./remote_client.ts";
import { isEventStream } from "./response.ts";
import type { SseData } from "./sse_parser.ts";
import { explainNoStream } from "./unanswered.ts";

/**
 * A client of HTTP+SSE, the transport of revision 2024-11-05: one event stream is the session, and
 * each message to the server is a POST to the endpoint that the stream names first.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse}
 */
export class SseClient implements RemoteClient {
  /** The endpoint holds the id of the session. */
  readonly hasSessionId = true;
  readonly #options: RemoteClientOptions;
  readonly #controller = new AbortController();
  readonly #endpoint = Promise.withResolvers<URL>();
  #isOpened = false;
  #hasEndpoint = false;
  #headers: Readonly<Record<string, string>> = {};

  /**
   * Opens nothing yet.
   *
   * @param options How the client is created.
   */
  constructor(options: RemoteClientOptions) {
    this.#options = options;
  }

  async send({ text, phase }: OutgoingMessage, signal: AbortSignal): Promise<undefined> {
    const { requester, busyMs } = this.#options;
    if (!this.#isOpened) {
      this.#isOpened = true;
      void this.#open();
      // Every message reports why it could not be sent.
      this.#endpoint.promise.catch(() => {});
    }
    const endpoint = await untilAborted(this.#endpoint.promise, signal);
    const { body } = await requester.send(endpoint, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#headers },
      body: text,
      signal,
      patienceMs: phase === "open" ? busyMs.start : busyMs.call,
    }).catch((cause) => {
      throw sessionFailure(cause);
    });
    // The response to the message comes on the stream.
    await body?.cancel();
    return undefined;
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers;
  }

  /** Does nothing: the end of the stream ends the session. */
  leave(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#controller.abort();
  }

  /** Opens the event stream, and reads it to its end. */
  async #open(): Promise<void> {
    const { url, requester, busyMs, onLost } = this.#options;
    const { signal } = this.#controller;
    let response: Response;
    try {
      response = await requester.send(url, {
        method: "GET",
        headers: { accept: "text/event-stream" },
        signal,
        patienceMs: busyMs.start,
      });
      if (!isEventStream(response)) {
        const clean = (text: string): string => requester.clean(text, url);
        throw await explainNoStream(response, { host: url.host, clean });
      }
    } catch (cause) {
      return this.#endpoint.reject(cause);
    }
    let broken: unknown;
    try {
      await this.#read(response);
    } catch (cause) {
      broken = cause;
    }
    if (signal.aborted) return;
    const how = broken === undefined ? "ended" : "broke off";
    const message = broken instanceof AnswerTooLong
      ? `${url.host} sent a message of more than ${broken.bytes} bytes on its event stream`
      : `${url.host} ${how} the event stream that is its session`;
    onLost(new RemoteFailure(message, { reach: "maybe", endsSession: true, cause: broken }));
  }

  #read(response: Response): Promise<void> {
    const { maxBytes, turns, onMessage } = this.#options;
    return readEvents(response, {
      maxBytes,
      maxSkippedBytes: SHARED_SKIPS * maxBytes,
      turns,
      signal: this.#controller.signal,
      onEvent: (event) => {
        const { kind, data } = event;
        if (kind === "endpoint" && !this.#hasEndpoint) this.#setEndpoint(data);
        const message = messageIn(event);
        if (message !== undefined) onMessage(message);
        return false;
      },
    });
  }

  /** Sets the endpoint. One of another origin must not receive what is meant for this server. */
  #setEndpoint(data: SseData | undefined): void {
    const { url } = this.#options;
    this.#hasEndpoint = true;
    const endpoint = data !== undefined && "text" in data ? URL.parse(data.text, url) : null;
    if (endpoint?.origin === url.origin) return this.#endpoint.resolve(endpoint);
    const message = "it names no endpoint of its own origin on its event stream";
    this.#endpoint.reject(new RemoteFailure(message, { reach: "never" }));
    this.#controller.abort();
  }
}
