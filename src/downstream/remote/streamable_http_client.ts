import { AnswerTooLong, readIdAndMethod } from "../../jsonrpc/mod.ts";
import { wait, within } from "../../within.ts";
import { mediaType } from "../http_answers.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { messageIn, readEvents } from "./event_stream.ts";
import { sessionFailure } from "./http_error.ts";
import { networkFailure } from "./network_error.ts";
import type { OutgoingMessage, RemoteClient, RemoteClientOptions } from "./remote_client.ts";
import { isEventStream, readBody, unknownEncoding } from "./response.ts";
import type { SseData } from "./sse_parser.ts";
import { StandaloneStream } from "./standalone_stream.ts";
import { explainUnanswered, type Received } from "./unanswered.ts";

/** Maximum number of vain attempts to resume the stream of a request. */
const MAX_RESUMPTIONS = 5;

/** The pause before a stream is resumed, in milliseconds; it doubles from the first to the last. */
const FIRST_RESUMPTION_MS = 500;
const LAST_RESUMPTION_MS = 10_000;

/** A server may ask for a shorter pause than this, in milliseconds, and end the stream each time. */
const MIN_RESUMPTION_MS = 100;

/**
 * A client of Streamable HTTP: each message is sent with a POST of its own, whose response has the
 * answer to a request, as JSON or as an event stream.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export class StreamableHttpClient implements RemoteClient {
  readonly #options: RemoteClientOptions;
  readonly #controller = new AbortController();
  #sessionId: string | undefined;
  #headers: Readonly<Record<string, string>> = {};
  #standalone: StandaloneStream | undefined;

  /**
   * Opens nothing yet.
   *
   * @param options How the client is created.
   */
  constructor(options: RemoteClientOptions) {
    this.#options = options;
  }

  get hasSessionId(): boolean {
    return this.#sessionId !== undefined;
  }

  async send(message: OutgoingMessage, signal: AbortSignal): Promise<() => RemoteFailure> {
    const { requester, url } = this.#options;
    const { id, phase } = message;
    const response = await this.#post(message, signal);
    const received: Received = {
      status: response.status,
      type: mediaType(response),
      encoding: unknownEncoding(response),
      data: undefined,
      events: 0,
      head: undefined,
    };
    if (id === undefined || response.status === 202 || response.status === 204) {
      await response.body?.cancel();
    } else if (isEventStream(response)) await this.#readStream(response, { received, signal });
    else await this.#readJson(response, { received, signal });
    if (phase === "opened") this.#listen();
    const clean = (text: string): string => requester.clean(text, url);
    return () => explainUnanswered(received, { host: url.host, id: id ?? "", clean });
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers;
  }

  async leave(withinMs: number): Promise<void> {
    const { requester, url } = this.#options;
    this.#standalone?.close();
    const { signal } = this.#controller;
    if (this.#sessionId === undefined || signal.aborted) return;
    const headers = this.#sessionHeaders();
    const request = { method: "DELETE", headers, signal, patienceMs: 0 } as const;
    const leaving = requester.send(url, request).then(({ body }) => body?.cancel());
    // A server that does not support the end of a session, or that is gone, need not be told.
    await within(leaving, withinMs);
  }

  close(): void {
    this.#standalone?.close();
    this.#controller.abort();
  }

  #sessionHeaders(): Record<string, string> {
    return {
      ...(this.#sessionId === undefined ? {} : { "mcp-session-id": this.#sessionId }),
      ...this.#headers,
    };
  }

  #listen(): void {
    if (this.#controller.signal.aborted) return;
    this.#standalone = new StandaloneStream(this.#options, this.#sessionHeaders());
  }

  async #post({ text, phase }: OutgoingMessage, signal: AbortSignal): Promise<Response> {
    const { requester, url, busyMs } = this.#options;
    const isFirst = phase === "open";
    const response = await requester.send(url, {
      method: "POST",
      headers: {
        ...this.#sessionHeaders(),
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: text,
      signal,
      patienceMs: isFirst ? busyMs.start : busyMs.call,
    }).catch((cause) => {
      throw this.hasSessionId ? sessionFailure(cause) : cause;
    });
    // An empty id is none.
    if (isFirst) this.#sessionId = response.headers.get("mcp-session-id") || undefined;
    return response;
  }

  async #readJson(
    response: Response,
    { received, signal }: { readonly received: Received; readonly signal: AbortSignal },
  ): Promise<void> {
    const { url, maxBytes, onMessage } = this.#options;
    let data: SseData;
    try {
      data = await readBody(response, { maxBytes, signal });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (cause instanceof AnswerTooLong) throw cause;
      throw networkFailure(cause, { url, isAnswering: true });
    }
    received.data = data;
    // The content type is ignored: the tool has run, and a body that looks like JSON may be the answer.
    if ("reason" in data || /^\s*[[{]/.test(data.text)) onMessage(data);
  }

  /** Reads the event stream of a request, and resumes it until the response has come. */
  async #readStream(
    first: Response,
    { received, signal }: { readonly received: Received; readonly signal: AbortSignal },
  ): Promise<void> {
    const { url, maxBytes, turns, onMessage } = this.#options;
    const resumption: Resumption = { lastEventId: "", retryMs: undefined, attempts: 0 };
    let isAnswered = false;
    let failure: RemoteFailure | undefined;
    for (let response: Response | undefined = first; response !== undefined;) {
      failure = undefined;
      try {
        await readEvents(response, {
          maxBytes,
          turns,
          signal,
          onBytes: (bytes) => received.head ??= bytes.slice(0, 2048),
          onEvent: (event) => {
            resumption.attempts = 0;
            resumption.lastEventId = event.id ?? resumption.lastEventId;
            resumption.retryMs = event.retryMs ?? resumption.retryMs;
            const message = messageIn(event);
            if (message === undefined) return isAnswered;
            if ("reason" in message && message.reason === "too-long") {
              throw new AnswerTooLong(message.bytes);
            }
            received.events++;
            received.data = message;
            isAnswered ||= isResponse(message);
            onMessage(message);
            return isAnswered;
          },
        });
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (cause instanceof AnswerTooLong) throw cause;
        failure = networkFailure(cause, { url, isAnswering: true });
      }
      if (isAnswered) return;
      response = await this.#resume(resumption, signal);
    }
    if (failure !== undefined) throw failure;
  }

  /** Opens the stream of a request again; `undefined` if it cannot be resumed. */
  async #resume(resumption: Resumption, signal: AbortSignal): Promise<Response | undefined> {
    const { requester, url, busyMs } = this.#options;
    const { lastEventId, retryMs } = resumption;
    if (lastEventId === "") return undefined;
    while (resumption.attempts < MAX_RESUMPTIONS) {
      const backoffMs = FIRST_RESUMPTION_MS * 2 ** resumption.attempts++;
      const pauseMs = retryMs ?? Math.min(backoffMs, LAST_RESUMPTION_MS);
      await wait(Math.max(pauseMs, MIN_RESUMPTION_MS), signal);
      try {
        const response = await requester.send(url, {
          method: "GET",
          headers: {
            ...this.#sessionHeaders(),
            accept: "text/event-stream",
            "last-event-id": lastEventId,
          },
          signal,
          patienceMs: busyMs.call,
        });
        if (isEventStream(response)) return response;
        await response.body?.cancel();
        return undefined;
      } catch (cause) {
        if (signal.aborted || !(cause instanceof RemoteFailure)) throw cause;
        // By a status below 500 the server says that it does not resume the stream.
        if (cause.status !== undefined && cause.status < 500) return undefined;
      }
    }
    return undefined;
  }
}

/** The state of resuming the stream of a request. */
interface Resumption {
  /** The id of the last event that has one; empty if none has, and the stream cannot be resumed. */
  lastEventId: string;
  /** The pause that the server asks for, in milliseconds. */
  retryMs: number | undefined;
  /** Number of attempts since the last event. */
  attempts: number;
}

/** Whether a message is a response; of one that is not UTF-8 only the ends are known, and it counts as one. */
function isResponse(data: SseData): boolean {
  if ("reason" in data) return true;
  const first = data.text.trimStart()[0];
  if (first !== "{") return first === "[";
  try {
    const { id, method } = readIdAndMethod(data.text);
    return method === undefined && id !== undefined;
  } catch {
    return false;
  }
}
