import { wait } from "../../within.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { messageIn, readEvents, SHARED_STREAM_SKIP_FACTOR } from "./event_stream.ts";
import type { RemoteClientOptions } from "./remote_client.ts";
import { isEventStream } from "./response.ts";
import { StreamBackoff } from "./stream_backoff.ts";

/** Maximum wait for a server that says it is busy when the stream is opened, in milliseconds. */
const MAX_BUSY_WAIT_MS = 60_000;

/**
 * The event stream on which a server sends its own requests and notifications. It belongs to the session, not to
 * a single request. It is opened with GET, and again whenever it ends.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server}
 */
export class StandaloneStream {
  readonly #options: RemoteClientOptions;
  readonly #headers: Readonly<Record<string, string>>;
  #backoff = new StreamBackoff();
  #controller = new AbortController();
  #isRunning = false;
  #lastEventId = "";

  /**
   * Opens the stream.
   *
   * @param options The options of the client.
   * @param headers The headers of the session.
   */
  constructor(options: RemoteClientOptions, headers: Readonly<Record<string, string>>) {
    this.#options = options;
    this.#headers = headers;
    this.#start();
  }

  /** Opens the stream again after its last event, unless the server offers none. */
  reopen(): void {
    if (!this.#isRunning) return;
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#backoff = new StreamBackoff();
    this.#start();
  }

  /** Closes the stream; it is not opened again. */
  close(): void {
    this.#isRunning = false;
    this.#controller.abort();
  }

  #start(): void {
    const { signal } = this.#controller;
    const { log, server } = this.#options;
    this.#isRunning = true;
    this.#run(signal).catch((cause) => {
      if (signal.aborted) return;
      log.debug("The standalone stream of the server failed", { server, reason: String(cause) });
    }).finally(() => {
      if (!signal.aborted) this.#isRunning = false;
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await wait(this.#backoff.pauseMs, signal);
      try {
        const response = await this.#open(signal);
        if (!isEventStream(response)) return void await response.body?.cancel();
        await this.#read(response, signal);
      } catch (cause) {
        if (signal.aborted) return;
        if (!(cause instanceof RemoteFailure)) throw cause;
        if (cause.endsSession) return this.#options.onLost(cause);
        // The server offers no stream, or no longer knows the session; then the next call fails.
        if (!isTemporaryStatus(cause.status)) return;
        this.#backoff.recordEnd(false);
      }
    }
  }

  #open(signal: AbortSignal): Promise<Response> {
    const { requester, url } = this.#options;
    const lastEventId = this.#lastEventId;
    return requester.send(url, {
      method: "GET",
      headers: {
        ...this.#headers,
        accept: "text/event-stream",
        ...(lastEventId === "" ? {} : { "last-event-id": lastEventId }),
      },
      signal,
      maxBusyWaitMs: MAX_BUSY_WAIT_MS,
    });
  }

  async #read(response: Response, signal: AbortSignal): Promise<void> {
    const { maxBytes, memory, throttles, onMessage } = this.#options;
    this.#backoff.recordOpen();
    let isBroken = false;
    try {
      await readEvents(response, {
        maxBytes,
        memory,
        maxSkippedBytes: SHARED_STREAM_SKIP_FACTOR * maxBytes,
        throttles,
        signal,
        onEvent: (event) => {
          if (event.id !== undefined) this.#lastEventId = event.id;
          if (event.retryMs !== undefined) this.#backoff.setRetry(event.retryMs);
          const message = messageIn(event);
          return message === undefined ? undefined : onMessage(message);
        },
      });
    } catch {
      // A broken connection is not an error yet: the next attempt shows whether the server still runs.
      isBroken = true;
    }
    signal.throwIfAborted();
    this.#backoff.recordEnd(isBroken);
  }
}

/**
 * Whether a refusal to open the stream may be temporary. The statuses 405 and 501 mean that the
 * server offers no such stream.
 *
 * @param status The HTTP status; `undefined` if there was none.
 */
export function isTemporaryStatus(status: number | undefined): boolean {
  return status === 429 || (status !== undefined && status >= 500 && status !== 501);
}
