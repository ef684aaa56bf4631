import type {
  StreamableHTTPClientTransport,
  StreamableHTTPClientTransportOptions,
} from "@modelcontextprotocol/client";
import { RemoteFailure } from "../remote_failure.ts";
import { isStream } from "./answers.ts";
import { ListeningPace } from "./listening_pace.ts";
import { pause } from "./retry_after.ts";
import { rewriteEvents } from "./rewritten_body.ts";
import type { WayOptions } from "./way.ts";

/** How long a server may ask to be left alone before the stream is opened, in milliseconds. */
const BUSY_MS = 60_000;

/**
 * The stream on which a server speaks unasked. The SDK opens it, and again with the id of the last
 * event whenever it ends; but it gives up for good after two failures, and waits no longer each time
 * where a server ends the stream at once. So it has a transport of its own, which never gives up, and
 * whose requests wait until it is time.
 */
export class ListeningStream {
  readonly #options: WayOptions;
  readonly #transport: StreamableHTTPClientTransport;
  readonly #pace = new ListeningPace();

  /**
   * Opens the stream.
   *
   * @param options What the way was made with.
   * @param session The session's id and revision.
   */
  constructor(
    options: WayOptions,
    session: Pick<StreamableHTTPClientTransportOptions, "sessionId" | "protocolVersion">,
  ) {
    this.#options = options;
    const { sdk, url, tickets, onMessage, log, server } = options;
    this.#transport = new sdk.StreamableHTTPClientTransport(url, {
      ...session,
      fetch: (target, { headers, signal } = {}) => {
        const never = new AbortController().signal;
        return this.#open(new URL(target), new Headers(headers), signal ?? never);
      },
      reconnectionOptions: {
        initialReconnectionDelay: 0,
        reconnectionDelayGrowFactor: 1,
        maxReconnectionDelay: 0,
        maxRetries: Infinity,
      },
      reconnectionScheduler: (reconnect) => queueMicrotask(reconnect),
    });
    this.#transport.onmessage = (stub) => {
      const data = tickets.take(stub);
      if (data !== undefined) onMessage(data);
    };
    void this.#transport.start();
    this.#transport.resumeStream("").catch((cause) => {
      log.debug("The server cannot be listened to", { server, reason: String(cause) });
    });
  }

  /** Ends it. */
  close(): void {
    void this.#transport.close();
  }

  async #open(url: URL, headers: Headers, signal: AbortSignal): Promise<Response> {
    const { requests, tickets, maxBytes, turns, onLost } = this.#options;
    for (;;) {
      await pause(this.#pace.pauseMs, signal);
      try {
        const request = { method: "GET", headers, signal, patienceMs: BUSY_MS } as const;
        const response = await requests.send(url, request);
        if (!isStream(response)) {
          await response.body?.cancel();
          break;
        }
        this.#pace.opened();
        const body = rewriteEvents(response.body ?? ReadableStream.from([]), {
          tickets,
          maxBytes,
          turns,
          signal,
          isOfRequest: false,
          onRetry: (ms) => this.#pace.ask(ms),
          onEnd: (broken) => this.#pace.ended(broken !== undefined),
        });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (!(cause instanceof RemoteFailure)) break;
        if (cause.endsSession) {
          onLost(cause);
          throw cause;
        }
        // The server does not offer it, or does not know the session; the next call finds out.
        if (!isPassing(cause.status)) break;
        this.#pace.ended(false);
      }
    }
    // To the SDK this means that there is nothing to listen to.
    return new Response(null, { status: 405 });
  }
}

/**
 * Whether a refusal to be listened to may be over soon. 405 is how a server says that it has no such
 * stream; 501 says the same.
 *
 * @param status The HTTP status; `undefined` where there was none.
 */
export function isPassing(status: number | undefined): boolean {
  return status === 429 || (status !== undefined && status >= 500 && status !== 501);
}
