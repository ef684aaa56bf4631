import { AnswerTooLong, readIdAndMethod } from "../../jsonrpc/mod.ts";
import { wait, within } from "../../within.ts";
import { mediaTypeOf } from "../http_answers.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { messageIn, readEvents } from "./event_stream.ts";
import { sessionFailure } from "./http_error.ts";
import { networkFailure } from "./network_error.ts";
import type { OutgoingMessage, RemoteClient, RemoteClientOptions } from "./remote_client.ts";
import { encodingOf, isEventStream, readBody } from "./response.ts";
import type { IncomingText } from "./sse_parser.ts";
import { startOfText } from "../../text.ts";
import { untilAborted } from "../until_aborted.ts";
import { StandaloneStream } from "./standalone_stream.ts";
import { explainMissingAnswer, type ReceivedResponse } from "./missing_answer.ts";

/** Maximum number of attempts to resume the stream of a request without receiving an event. */
const MAX_RESUMPTIONS = 5;

/** The first pause before a stream is resumed, in milliseconds; each pause is twice the one before it. */
const FIRST_PAUSE_MS = 500;

/** Minimum pause, in milliseconds: a server may ask for none, and end the stream each time. */
const MIN_PAUSE_MS = 100;

/** Size of the beginning of a stream that is kept to explain a missing answer, in bytes. */
const BEGINNING_BYTES = 2048;

/**
 * A client of Streamable HTTP: each message is sent with its own POST. The response to a request contains
 * its answer, as JSON or on an event stream.
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
   * Creates a client that connects with the first message.
   *
   * @param options Options of the client.
   */
  constructor(options: RemoteClientOptions) {
    this.#options = options;
  }

  get hasSessionId(): boolean {
    return this.#sessionId !== undefined;
  }

  async send(message: OutgoingMessage, signal: AbortSignal): Promise<() => RemoteFailure> {
    const { requester, url, untilClientReads } = this.#options;
    const { id, phase } = message;
    const response = await this.#post(message, signal);
    const clientReads = untilClientReads?.();
    if (clientReads !== undefined) await untilAborted(clientReads, signal);
    const encoding = encodingOf(response);
    const received: ReceivedResponse = {
      status: response.status,
      mediaType: mediaTypeOf(response),
      encoding,
      data: undefined,
      messageCount: 0,
      firstBytes: undefined,
    };
    const { status } = response;
    if (id === undefined || status === 202 || status === 204 || encoding !== undefined) {
      await response.body?.cancel();
    } else if (isEventStream(response)) await this.#readStream(response, { received, signal });
    else await this.#readBody(response, { received, signal });
    if (phase === "opened") this.#openStandaloneStream();
    const redactSecrets = (text: string): string => requester.redactSecrets(text, url);
    return () => explainMissingAnswer(received, { host: url.host, id: id ?? "", redactSecrets });
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers;
  }

  async endSession(withinMs: number): Promise<void> {
    const { requester, url } = this.#options;
    this.#standalone?.close();
    const { signal } = this.#controller;
    if (this.#sessionId === undefined || signal.aborted) return;
    const headers = this.#sessionHeaders();
    const request = { method: "DELETE", headers, signal, maxBusyWaitMs: 0 } as const;
    const ending = requester.send(url, request).then(({ body }) => body?.cancel());
    // A failure is ignored: the server may not support DELETE, or may no longer run.
    await within(ending, withinMs);
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

  #openStandaloneStream(): void {
    if (this.#controller.signal.aborted) return;
    this.#standalone = new StandaloneStream(this.#options, this.#sessionHeaders());
  }

  async #post({ text, phase }: OutgoingMessage, signal: AbortSignal): Promise<Response> {
    const { requester, url, maxBusyWaitMs } = this.#options;
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
      maxBusyWaitMs: isFirst ? maxBusyWaitMs.start : maxBusyWaitMs.call,
    }).catch((cause) => {
      throw this.hasSessionId ? sessionFailure(cause) : cause;
    });
    // An empty session id counts as none.
    if (isFirst) this.#sessionId = response.headers.get("mcp-session-id") || undefined;
    return response;
  }

  async #readBody(
    response: Response,
    { received, signal }: { readonly received: ReceivedResponse; readonly signal: AbortSignal },
  ): Promise<void> {
    const { url, maxBytes, memory, onMessage } = this.#options;
    let data: IncomingText;
    try {
      data = await readBody(response, { maxBytes, memory, signal });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (cause instanceof AnswerTooLong || cause instanceof RemoteFailure) throw cause;
      throw networkFailure(cause, { url, isAnswering: true });
    }
    received.data = data;
    // The content type is ignored: a body that looks like JSON may be the answer of a tool that has run.
    if (!("reason" in data) && !/^\s*[[{]/.test(data.text)) return;
    await onMessage(data);
  }

  /** Reads the event stream of a request, and resumes it until the answer has arrived. */
  async #readStream(
    firstResponse: Response,
    { received, signal }: { readonly received: ReceivedResponse; readonly signal: AbortSignal },
  ): Promise<void> {
    const { url, maxBytes, memory, throttles, onMessage } = this.#options;
    const resumption: Resumption = { lastEventId: "", retryMs: undefined, attempts: 0 };
    let isAnswered = false;
    let failure: RemoteFailure | undefined;
    for (let response: Response | undefined = firstResponse; response !== undefined;) {
      failure = undefined;
      try {
        await readEvents(response, {
          maxBytes,
          memory,
          throttles,
          signal,
          onBytes: (bytes) => received.firstBytes ??= bytes.slice(0, BEGINNING_BYTES),
          isDone: () => isAnswered,
          onEvent: (event) => {
            resumption.attempts = 0;
            resumption.lastEventId = event.id ?? resumption.lastEventId;
            resumption.retryMs = event.retryMs ?? resumption.retryMs;
            const message = messageIn(event);
            if (message === undefined) return;
            if ("reason" in message && message.reason === "too-long") {
              throw new AnswerTooLong(message.bytes);
            }
            received.messageCount++;
            received.data = beginningOf(message);
            isAnswered ||= isAnswer(message);
            return onMessage(message);
          },
        });
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (cause instanceof AnswerTooLong || cause instanceof RemoteFailure) throw cause;
        failure = networkFailure(cause, { url, isAnswering: true });
      }
      if (isAnswered) return;
      response = await this.#resume(resumption, signal);
    }
    if (failure !== undefined) throw failure;
  }

  /** Opens the stream of a request again; `undefined` if it cannot be resumed. */
  async #resume(resumption: Resumption, signal: AbortSignal): Promise<Response | undefined> {
    const { requester, url, maxBusyWaitMs } = this.#options;
    const { lastEventId, retryMs } = resumption;
    if (lastEventId === "") return undefined;
    while (resumption.attempts < MAX_RESUMPTIONS) {
      const backoffMs = FIRST_PAUSE_MS * 2 ** resumption.attempts++;
      await wait(Math.max(retryMs ?? backoffMs, MIN_PAUSE_MS), signal);
      try {
        const response = await requester.send(url, {
          method: "GET",
          headers: {
            ...this.#sessionHeaders(),
            accept: "text/event-stream",
            "last-event-id": lastEventId,
          },
          signal,
          maxBusyWaitMs: maxBusyWaitMs.call,
        });
        if (isEventStream(response)) return response;
        await response.body?.cancel();
        return undefined;
      } catch (cause) {
        if (signal.aborted || !(cause instanceof RemoteFailure)) throw cause;
        // With a status below 500 the server refuses to resume the stream.
        if (cause.status !== undefined && cause.status < 500) return undefined;
      }
    }
    return undefined;
  }
}

/** The state of resuming the stream of a request. */
interface Resumption {
  /** The latest id of an event; empty if no event had an id, so that the stream cannot be resumed. */
  lastEventId: string;
  /** The pause that the server asks for, in milliseconds. */
  retryMs: number | undefined;
  /** Number of attempts since the last event. */
  attempts: number;
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
