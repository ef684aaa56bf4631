/** The media type of server-sent events. */
export const EVENT_STREAM = "text/event-stream";

/** The headers of a response that is a stream. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": EVENT_STREAM,
  "x-accel-buffering": "no",
};

/** An event with a message. */
export interface StreamEvent {
  /** The id of the event, after which the client can resume; absent if it cannot. */
  readonly id?: string;
  readonly message: string;
}

const encoder = new TextEncoder();

/**
 * A stream of server-sent events to a client, as the body of a response. The HTTP listener reads each event
 * immediately, and cancels the body when the client disconnects.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html}
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #onEnd: () => void = () => {};

  constructor() {
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#close(),
    });
  }

  /** Whether events can still reach the client. */
  get isOpen(): boolean {
    return this.#controller !== undefined;
  }

  /** Sends a message. */
  send(event: StreamEvent): void {
    this.#write(formatEvent(event));
  }

  /** Sends messages together: thousands of short ones take as long as one long message. */
  sendAll(events: readonly StreamEvent[]): void {
    if (events.length > 0) this.#write(events.map(formatEvent).join(""));
  }

  /**
   * Sends an event with an id and no message, so that the client can resume before the first message.
   *
   * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server}
   */
  prime(id: string): void {
    this.#write(`id: ${id}\ndata: \n\n`);
  }

  /** Sends a comment, which keeps proxies from closing the stream and reveals clients that are gone. */
  keepAlive(): void {
    this.#write(": keep-alive\n\n");
  }

  /** Ends the stream after the events sent so far. */
  end(): void {
    this.#controller?.close();
    this.#close();
  }

  /** Sets the listener for the end of the stream, by the gateway or by the client. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  #write(text: string): void {
    this.#controller?.enqueue(encoder.encode(text));
  }

  #close(): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    this.#onEnd();
  }
}

function formatEvent({ id, message }: StreamEvent): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `${idLine}event: message\ndata: ${message}\n\n`;
}
