import type { Channel, ChannelHandler } from "./channel.ts";

/** One end of a channel within this process; what one end sends the other receives, a turn later. */
class MemoryChannel implements Channel {
  other: MemoryChannel | undefined;
  #handler: ChannelHandler | undefined;
  #waiting: string[] = [];
  #ended = false;
  #hasTold = false;

  open(handler: ChannelHandler): void {
    // Nothing arrives before the call returns: the handler's owner may still be under construction.
    queueMicrotask(() => {
      this.#handler = handler;
      this.#deliver();
    });
  }

  send(text: string): void {
    if (!this.#ended) this.other?.take(text);
  }

  take(text: string): void {
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
    if (!this.#ended || this.#hasTold) return;
    this.#hasTold = true;
    this.#handler.closed();
  }
}

/**
 * Makes a channel within this process, for servers that live in it and for tests.
 *
 * @returns The two ends.
 */
export function createMemoryChannels(): [Channel, Channel] {
  const one = new MemoryChannel();
  const two = new MemoryChannel();
  one.other = two;
  two.other = one;
  return [one, two];
}
