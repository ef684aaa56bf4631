import type { Channel, ChannelHandler } from "./channel.ts";

/** One end of a channel inside this process; the other end receives a message one microtask later. */
class MemoryChannel implements Channel {
  other: MemoryChannel | undefined;
  #handler: ChannelHandler | undefined;
  #waiting: string[] = [];
  #ended = false;
  #hasClosed = false;

  open(handler: ChannelHandler): void {
    // Delivered after the call returns, because the owner of the handler may still be in its constructor.
    queueMicrotask(() => {
      this.#handler = handler;
      this.#deliver();
    });
  }

  send(text: string): void {
    if (!this.#ended) this.other?.receive(text);
  }

  receive(text: string): void {
    this.#waiting.push(text);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#deliver());
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.end();
    this.other?.end();
    return Promise.resolve();
  }

  end(): void {
    this.#ended = true;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    if (this.#handler === undefined) return;
    const messages = this.#waiting;
    this.#waiting = [];
    const encoder = new TextEncoder();
    for (const text of messages) this.#handler.message(text, encoder.encode(text).length);
    if (!this.#ended || this.#hasClosed) return;
    this.#hasClosed = true;
    this.#handler.closed();
  }
}

/** Creates the two ends of a channel inside this process, for in-process servers and for tests. */
export function createMemoryChannels(): [Channel, Channel] {
  const one = new MemoryChannel();
  const two = new MemoryChannel();
  one.other = two;
  two.other = one;
  return [one, two];
}
