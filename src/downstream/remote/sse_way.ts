import type { SSEClientTransport } from "@modelcontextprotocol/client";
import { RemoteFailure } from "../remote_failure.ts";
import { untilAborted } from "../until_aborted.ts";
import { isStream } from "./answers.ts";
import { explainNoStream } from "./unanswered.ts";
import { rewriteEvents } from "./rewritten_body.ts";
import type { Outgoing } from "./tickets.ts";
import type { Way, WayOptions } from "./way.ts";

/**
 * The older transport: one stream from the server, which is the session, and a POST for each message
 * to it.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse}
 */
export class SseWay implements Way {
  readonly hasSessionId = true;
  readonly #options: WayOptions;
  readonly #transport: SSEClientTransport;
  #opening: Promise<void> | undefined;
  #failure: Error | undefined;

  /**
   * Prepares; nothing is opened yet.
   *
   * @param options See there.
   */
  constructor(options: WayOptions) {
    this.#options = options;
    const { sdk, url, tickets, onMessage } = options;
    this.#transport = new sdk.SSEClientTransport(url, {
      fetch: (target, { method, headers, body, signal } = {}) => {
        const sent = new Headers(headers);
        if (method === "POST") return this.#post(new URL(target), sent, String(body));
        const never = new AbortController().signal;
        return this.#open(new URL(target), { headers: sent, signal: signal ?? never });
      },
    });
    this.#transport.onmessage = (stub) => {
      const data = tickets.take(stub);
      if (data !== undefined) onMessage(data);
    };
  }

  async send(message: Outgoing, signal: AbortSignal): Promise<undefined> {
    this.#opening ??= this.#transport.start();
    try {
      await untilAborted(this.#opening, signal);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      const told = "it names no endpoint of its own origin on its event stream";
      throw this.#failure ?? new RemoteFailure(told, { reach: "never", cause });
    }
    const { stub } = this.#options.tickets.send(message, signal);
    try {
      await this.#transport.send(stub);
      return undefined;
    } finally {
      this.#options.tickets.forget(stub);
    }
  }

  negotiated(revision: string): void {
    this.#transport.setProtocolVersion(revision);
  }

  /** The end of the stream says it. */
  leave(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    void this.#transport.close();
  }

  async #open(url: URL, request: { headers: Headers; signal: AbortSignal }): Promise<Response> {
    const { requests, tickets, maxBytes, turns, busyMs, onLost } = this.#options;
    try {
      const patienceMs = busyMs.start;
      const response = await requests.send(url, { ...request, method: "GET", patienceMs });
      if (!isStream(response)) {
        const clean = (text: string): string => requests.clean(text, url);
        throw await explainNoStream(response, { host: url.host, clean });
      }
      const body = rewriteEvents(response.body ?? ReadableStream.from([]), {
        tickets,
        maxBytes,
        turns,
        signal: request.signal,
        isOfRequest: false,
        onEnd: (broken) => {
          // The SDK itself breaks it off where it finds no good endpoint.
          if (request.signal.aborted) return;
          const how = broken === undefined ? "ended" : "broke off";
          const message = `${url.host} ${how} the event stream that is its session`;
          onLost(new RemoteFailure(message, { reach: "maybe", endsSession: true, cause: broken }));
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    } catch (cause) {
      // What the SDK throws in its place holds the whole url, and little else.
      if (cause instanceof Error) this.#failure = cause;
      throw cause;
    }
  }

  async #post(url: URL, headers: Headers, stub: string): Promise<Response> {
    const { tickets, requests, busyMs } = this.#options;
    const exchange = tickets.sent(stub);
    if (exchange === undefined) throw new Error("The SDK sends a message of its own");
    const response = await requests.send(url, {
      method: "POST",
      headers,
      body: exchange.outgoing.text,
      // The SDK knows no end of a single request; one that nobody waits for must not be sent.
      signal: exchange.signal,
      patienceMs: exchange.outgoing.method === "initialize" ? busyMs.start : busyMs.call,
    }).catch((cause) => {
      const isGone = cause instanceof RemoteFailure && cause.status === 404;
      const message = "its session has ended there";
      throw isGone ? new RemoteFailure(message, { reach: "never", status: 404, cause }) : cause;
    });
    // The answer comes on the stream.
    await response.body?.cancel();
    return new Response(null, { status: 202 });
  }
}
