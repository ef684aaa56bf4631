/** The media type of server-sent events. */
export const EVENT_STREAM = "text/event-stream";

const encoder = new TextEncoder();

/**
 * A stream of server-sent events to a client, for the body of a response. The listener reads each event
 * immediately, and cancels the body when the client disconnects.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html}
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #onOver: () => void = () => {};

  constructor() {
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#over(),
    });
  }

  /** Whether events can still reach the client. */
  get isOpen(): boolean {
    return this.#controller !== undefined;
  }

  /** Sends a message; with its id, the client can resume after it. */
  send(id: string, message: string): void {
    this.#write(`id: ${id}\nevent: message\ndata: ${message}\n\n`);
  }

  /**
   * Gives the client an id to resume with before the first message.
   *
   * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server}
   */
  prime(id: string): void {
    this.#write(`id: ${id}\ndata: \n\n`);
  }

  /** Sends a comment, which keeps proxies from closing the stream and detects clients that are gone. */
  keepAlive(): void {
    this.#write(": keep-alive\n\n");
  }

  /** Ends the stream after the events sent so far. */
  end(): void {
    this.#controller?.close();
    this.#over();
  }

  /** Registers a listener for the end of the stream or of the client. */
  whenOver(listener: () => void): void {
    this.#onOver = listener;
  }

  #write(text: string): void {
    this.#controller?.enqueue(encoder.encode(text));
  }

  #over(): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    this.#onOver();
  }
}
