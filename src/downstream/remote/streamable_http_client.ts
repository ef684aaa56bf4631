import { wait, within } from "../../within.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { untilAborted } from "../until_aborted.ts";
import { explainSessionFailure } from "./http_error.ts";
import type { OutgoingMessage, RemoteClient, RemoteClientOptions } from "./remote_client.ts";
import { isEventStream } from "./response.ts";
import { ResponseReader } from "./response_reader.ts";
import { StandaloneStream } from "./standalone_stream.ts";
import type { SseEvent } from "./sse_parser.ts";
import { sendStateless } from "./stateless_request.ts";

/** Maximum number of attempts to resume the stream of a request without receiving an event. */
const MAX_RESUMPTIONS = 5;

/** The first pause before a stream is resumed, in milliseconds; each pause is twice the one before it. */
const FIRST_PAUSE_MS = 500;

/** Minimum pause, in milliseconds: a server may ask for none, and end the stream each time. */
const MIN_PAUSE_MS = 100;

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
  // Functions that interrupt the streams of requests, so that they are resumed.
  readonly #interrupts = new Set<() => void>();

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
    if (message.headers !== undefined) {
      return await sendStateless(message, { client: this.#options, signal });
    }
    const response = await this.#post(message, signal);
    const reader = new ResponseReader(response, this.#options, { message, signal });
    message.onResponsePart();
    const clientReads = this.#options.untilClientReads?.();
    if (clientReads !== undefined) await untilAborted(clientReads, signal);
    if (message.id === undefined || reader.isUnreadable) await response.body?.cancel();
    else if (isEventStream(response)) {
      await this.#readStream(reader, { firstResponse: response, message, signal });
    } else await reader.readBody(response);
    if (message.role === "opened") this.#openStandaloneStream();
    return () => reader.explain();
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#headers = headers;
  }

  reopenStreams(): void {
    this.#standalone?.reopen();
    for (const interrupt of this.#interrupts) interrupt();
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

  async #post({ text, role }: OutgoingMessage, signal: AbortSignal): Promise<Response> {
    const { requester, url, maxBusyWaitMs } = this.#options;
    const isFirst = role === "open";
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
      throw this.hasSessionId ? explainSessionFailure(cause) : cause;
    });
    // An empty session id counts as none.
    if (isFirst) this.#sessionId = response.headers.get("mcp-session-id") || undefined;
    return response;
  }

  /** Reads the event stream of a request, and resumes it until the answer has arrived. */
  async #readStream(
    reader: ResponseReader,
    { firstResponse, message, signal }: {
      readonly firstResponse: Response;
      readonly message: OutgoingMessage;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const resumption: Resumption = { lastEventId: "", retryMs: undefined, attempts: 0 };
    let interruption = new AbortController();
    const interrupt = (): void => {
      const options = { reach: "maybe", endsSession: true, problem: "closed" } as const;
      const reason = new RemoteFailure("its stream was lost in a sleep of this machine", options);
      if (resumption.lastEventId !== "") interruption.abort(reason);
    };
    const onEvent = ({ id, retryMs }: SseEvent): void => {
      resumption.attempts = 0;
      resumption.lastEventId = id ?? resumption.lastEventId;
      resumption.retryMs = retryMs ?? resumption.retryMs;
    };
    let failure: unknown;
    for (let response: Response | undefined = firstResponse; response !== undefined;) {
      failure = undefined;
      message.onResponsePart();
      interruption = new AbortController();
      this.#interrupts.add(interrupt);
      try {
        await reader.readStream(response, { onEvent, interruption: interruption.signal });
      } catch (cause) {
        const isBroken = cause instanceof RemoteFailure && cause.problem === "closed";
        if (!isBroken) throw cause;
        failure = cause;
      } finally {
        this.#interrupts.delete(interrupt);
      }
      if (reader.isAnswered) return;
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
