import { mediaType } from "../http_answers.ts";
import type { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { RemoteFailure } from "../remote_failure.ts";
import { untilAborted } from "../until_aborted.ts";
import { within } from "../../within.ts";
import { headersForSdk, isStream } from "./answers.ts";
import { ListeningStream } from "./listening_stream.ts";
import { networkFailure } from "./network_words.ts";
import { readBody, rewriteEvents } from "./rewritten_body.ts";
import type { SseData } from "./sse_splitter.ts";
import type { Exchange, Outgoing } from "./tickets.ts";
import { explainUnanswered } from "./unanswered.ts";
import type { Way, WayOptions } from "./way.ts";

/** How often and how soon the stream of a request is taken up again, where the server allows it. */
const RESUMPTION = {
  initialReconnectionDelay: 500,
  reconnectionDelayGrowFactor: 2,
  maxReconnectionDelay: 10_000,
  maxRetries: 5,
};

/** A server may ask for less of a pause than this, in milliseconds, and end the stream each time. */
const LEAST_PAUSE_MS = 100;

const JSON_TYPE = "application/json";

/**
 * Streamable HTTP. The SDK's transport keeps the session's id, builds the headers, and takes up
 * streams again by the ids of their events. What it does not do is done around it: see `Tickets` for
 * the messages themselves, `Requests` for how each is sent, and `ListeningStream`.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export class HttpWay implements Way {
  readonly #options: WayOptions;
  readonly #transport: StreamableHTTPClientTransport;
  readonly #exchanges = new Set<Exchange>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #listening: ListeningStream | undefined;
  #isClosed = false;

  /**
   * Prepares; nothing is opened yet.
   *
   * @param options See there.
   */
  constructor(options: WayOptions) {
    this.#options = options;
    const { sdk, url, tickets, onMessage } = options;
    this.#transport = new sdk.StreamableHTTPClientTransport(url, {
      fetch: (target, init = {}) => this.#fetch(new URL(target), init),
      reconnectionOptions: RESUMPTION,
      // The SDK remembers one timer only, so that those of other streams would outlive its end.
      reconnectionScheduler: (reconnect, delayMs) => {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          reconnect();
        }, Math.max(delayMs, LEAST_PAUSE_MS));
        this.#timers.add(timer);
        return () => {};
      },
    });
    this.#transport.onmessage = (stub) => {
      const data = tickets.take(stub);
      if (data !== undefined) onMessage(data);
    };
    // It only marks the transport as started.
    void this.#transport.start();
  }

  get hasSessionId(): boolean {
    return this.#transport.sessionId !== undefined;
  }

  async send(message: Outgoing, signal: AbortSignal): Promise<() => RemoteFailure> {
    const { tickets, requests, url } = this.#options;
    const { stub, exchange } = tickets.send(message, signal);
    this.#exchanges.add(exchange);
    const ended = Promise.withResolvers<void>();
    try {
      await this.#transport.send(stub, {
        requestSignal: signal,
        onRequestStreamEnd: () => ended.resolve(),
      });
      if (exchange.isStream) await untilAborted(ended.promise, signal);
      if (!exchange.isAnswered && exchange.failure !== undefined) throw exchange.failure;
    } finally {
      tickets.forget(stub);
      this.#exchanges.delete(exchange);
    }
    if (message.method === "notifications/initialized") this.#listen();
    const { id = "" } = message;
    const clean = (text: string): string => requests.clean(text, url);
    return () => explainUnanswered(exchange.received, { host: url.host, id, clean });
  }

  negotiated(revision: string): void {
    this.#transport.setProtocolVersion(revision);
  }

  async leave(withinMs: number): Promise<void> {
    this.#listening?.close();
    // A server that knows no end of a session, or that is gone, need not be told.
    if (!this.#isClosed) await within(this.#transport.terminateSession(), withinMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#listening?.close();
    for (const timer of this.#timers) clearTimeout(timer);
    void this.#transport.close();
  }

  #listen(): void {
    if (this.#isClosed) return;
    const { sessionId, protocolVersion } = this.#transport;
    this.#listening = new ListeningStream(this.#options, {
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(protocolVersion === undefined ? {} : { protocolVersion }),
    });
  }

  #fetch(
    url: URL,
    { method = "GET", headers: sent, body, signal }: RequestInit,
  ): Promise<Response> {
    const headers = new Headers(sent);
    if (method === "POST") return this.#post(url, headers, String(body));
    if (method === "GET") return this.#resume(url, headers);
    const { requests } = this.#options;
    const never = new AbortController().signal;
    const request = { method: "DELETE", headers, signal: signal ?? never, patienceMs: 0 } as const;
    return requests.send(url, request);
  }

  async #post(url: URL, headers: Headers, stub: string): Promise<Response> {
    const { tickets, requests, busyMs, maxBytes } = this.#options;
    const exchange = tickets.sent(stub);
    if (exchange === undefined) throw new Error("The SDK sends a message of its own");
    const { signal } = exchange;
    const { text: body, id, method } = exchange.outgoing;
    const patienceMs = method === "initialize" ? busyMs.start : busyMs.call;
    const request = { method: "POST", headers, body, signal, patienceMs } as const;
    const response = await requests.send(url, request).catch((cause) => {
      throw headers.has("mcp-session-id") && isSessionGone(cause) ? sessionGone(cause) : cause;
    });
    const { received } = exchange;
    received.status = response.status;
    received.type = mediaType(response);
    if (id === undefined || response.status === 202 || response.status === 204) {
      await response.body?.cancel();
      return new Response(null, { status: 202, headers: headersForSdk(response, JSON_TYPE) });
    }
    if (isStream(response)) {
      exchange.isStream = true;
      return new Response(this.#rewrite(response, url, exchange), {
        headers: headersForSdk(response, "text/event-stream"),
      });
    }
    received.encoding = unknownEncoding(response);
    let data: SseData;
    try {
      data = await readBody(response.body, { maxBytes, signal });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw networkFailure(cause, url, true);
    }
    received.data = data;
    // Whatever the server calls it: the tool has run, and what looks like JSON may be its answer.
    const isJson = "reason" in data || /^\s*[[{]/.test(data.text);
    const told = headersForSdk(response, JSON_TYPE);
    if (!isJson) return new Response(null, { status: 202, headers: told });
    return new Response(tickets.keep(data, true), { headers: told });
  }

  /** Takes up the stream of a request where it broke off; 405 tells the SDK that it cannot be. */
  async #resume(url: URL, headers: Headers): Promise<Response> {
    const { requests, busyMs } = this.#options;
    const last = headers.get("last-event-id");
    const exchange = [...this.#exchanges].find(({ lastEventId }) => lastEventId === last);
    const gone = new Response(null, { status: 405 });
    if (exchange === undefined) return gone;
    const { signal } = exchange;
    try {
      const request = { method: "GET", headers, signal, patienceMs: busyMs.call } as const;
      const response = await requests.send(url, request);
      if (isStream(response)) {
        exchange.failure = undefined;
        return new Response(this.#rewrite(response, url, exchange), {
          headers: headersForSdk(response, "text/event-stream"),
        });
      }
      await response.body?.cancel();
    } catch (cause) {
      const { status } = cause instanceof RemoteFailure ? cause : { status: undefined };
      if (status === undefined || status >= 500) throw cause;
    }
    return gone;
  }

  #rewrite(response: Response, url: URL, exchange: Exchange): ReadableStream<Uint8Array> {
    const { tickets, maxBytes, turns } = this.#options;
    return rewriteEvents(response.body ?? ReadableStream.from([]), {
      tickets,
      maxBytes,
      turns,
      received: exchange.received,
      signal: exchange.signal,
      isOfRequest: true,
      onId: (id) => {
        exchange.lastEventId = id;
      },
      onAnswer: () => {
        exchange.isAnswered = true;
      },
      onEnd: (broken) => {
        if (exchange.signal.aborted) return;
        if (broken !== undefined) exchange.failure = networkFailure(broken, url, true);
      },
    });
  }
}

/**
 * By the specification a 404 means that the session is gone and that the message was not looked at.
 * What other refusals mean is found out by `SessionCheck`.
 */
function isSessionGone(cause: unknown): cause is RemoteFailure {
  return cause instanceof RemoteFailure && cause.status === 404;
}

function sessionGone(cause: RemoteFailure): RemoteFailure {
  const message = "its session has ended there";
  return new RemoteFailure(message, { reach: "never", status: 404, cause });
}

/** How a body is compressed, where Deno could not undo that: it takes the header away where it did. */
function unknownEncoding({ headers }: Response): string | undefined {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  return encoding === "" || encoding === "identity" ? undefined : encoding;
}
