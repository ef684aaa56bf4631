import type { Outlet } from "./outlet.ts";

/**
 * A stream of server-sent events to a client. What is sent before the client's answer has begun
 * waits for that.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html}
 */
export class EventStream {
  #early: string[] = [];
  #outlet: Outlet | undefined;
  #isOver = false;
  #onOver: () => void = () => {};

  /** Whether what is sent may arrive. */
  get isOpen(): boolean {
    return !this.#isOver;
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
    this.#over();
    this.#outlet?.end();
  }

  /** Begins to write to the client. */
  attach(outlet: Outlet): void {
    for (const text of this.#early.splice(0)) outlet.write(text);
    this.#outlet = outlet;
    if (this.#isOver) outlet.end();
    else outlet.whenOver(() => this.#over());
  }

  /** Has something called when the stream has ended or the client is gone. */
  whenOver(listener: () => void): void {
    this.#onOver = listener;
  }

  #write(text: string): void {
    if (this.#isOver) return;
    if (this.#outlet === undefined) this.#early.push(text);
    else this.#outlet.write(text);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  }
}
