/** The media type of server-sent events. */
export const EVENT_STREAM = "text/event-stream";

const encoder = new TextEncoder();

/**
 * A stream of server-sent events to a client, for the body of a response. The listener takes out what
 * is sent as soon as it is there, and cancels the body when the client is gone.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html}
 */
export class EventStream {
  /** The body of the response. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #onOver: () => void = () => {};

  /** Begins open. */
  constructor() {
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#over(),
    });
  }

  /** Whether what is sent may arrive. */
  get isOpen(): boolean {
    return this.#controller !== undefined;
  }

  /** Sends a message; its id lets the client ask for what follows it. */
  send(id: string, message: string): void {
    this.#write(`id: ${id}\nevent: message\ndata: ${message}\n\n`);
  }

  /**
   * Gives the client an id to come back with before there is any message.
   *
   * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server}
   */
  prime(id: string): void {
    this.#write(`id: ${id}\ndata: \n\n`);
  }

  /** Shows that the stream is alive, and finds out whether the client is. */
  keepAlive(): void {
    this.#write(": keep-alive\n\n");
  }

  /** Ends the stream after what was sent. */
  end(): void {
    this.#controller?.close();
    this.#over();
  }

  /** Has something called when the stream has ended or the client is gone. */
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
