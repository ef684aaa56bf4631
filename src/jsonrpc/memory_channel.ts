import type { Channel, ChannelHandler } from "./channel.ts";

/** One end of a channel inside this process; the other end receives a message one microtask later. */
class MemoryChannel implements Channel {
  otherEnd: MemoryChannel | undefined;
  #handler: ChannelHandler | undefined;
  #undelivered: string[] = [];
  #hasEnded = false;
  #hasReportedEnd = false;
  #isDelivering = false;

  open(handler: ChannelHandler): void {
    // Messages are delivered after `open` returns: the owner of the handler may still be in its constructor.
    queueMicrotask(() => {
      this.#handler = handler;
      this.#deliver();
    });
  }

  send(text: string): void {
    if (!this.#hasEnded) this.otherEnd?.receive(text);
  }

  receive(text: string): void {
    this.#undelivered.push(text);
    if (this.#undelivered.length === 1) queueMicrotask(() => this.#deliver());
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.end();
    this.otherEnd?.end();
    return Promise.resolve();
  }

  /** Stops sending. The handler receives the messages that were sent before, and then `closed`, once. */
  end(): void {
    this.#hasEnded = true;
    queueMicrotask(() => this.#deliver());
  }

  async #deliver(): Promise<void> {
    if (this.#handler === undefined || this.#isDelivering) return;
    this.#isDelivering = true;
    const encoder = new TextEncoder();
    for (let text = this.#undelivered.shift(); text !== undefined;) {
      const handling = this.#handler.message(text, encoder.encode(text).length);
      if (handling !== undefined) await handling;
      text = this.#undelivered.shift();
    }
    this.#isDelivering = false;
    if (!this.#hasEnded || this.#hasReportedEnd) return;
    this.#hasReportedEnd = true;
    this.#handler.closed();
  }
}

/** Creates the two ends of a channel inside this process, for in-process servers and for tests. */
export function createMemoryChannels(): [Channel, Channel] {
  const first = new MemoryChannel();
  const second = new MemoryChannel();
  first.otherEnd = second;
  second.otherEnd = first;
  return [first, second];
}
