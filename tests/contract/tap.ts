import type { GracePeriods, Transport } from "../../src/downstream/mod.ts";
import type { Channel } from "../../src/jsonrpc/mod.ts";
import type { Command, Fields, Message, Script } from "./scripted_server.ts";
import { Seen } from "./seen.ts";

const REPORT = '{"jsonrpc":"2.0","method":"test/saw"';

/** A message that the server received: parsed, and as text. */
export interface Received extends Message {
  readonly text: string;
}

/**
 * A transport to a scripted server that also carries the test's commands. The gateway sees nothing
 * of them.
 */
export class Tap implements Transport {
  readonly channel: Channel;
  readonly pid?: number;
  readonly exited?: Promise<unknown>;
  /** Resolves when the gateway has ended the transport. */
  readonly ended: Promise<void>;
  readonly #inner: Transport;
  readonly #gate: Promise<void>;
  readonly #seen: Seen<Received> = new Seen("a message to the server");
  readonly #onEnded: () => void;
  #hasEnded = false;

  /**
   * @param inner The transport to the server.
   * @param gate The end of the transport waits for this.
   */
  constructor(inner: Transport, gate: Promise<void>) {
    this.#inner = inner;
    this.#gate = gate;
    if (inner.pid !== undefined) this.pid = inner.pid;
    if (inner.exited !== undefined) this.exited = inner.exited;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#onEnded = resolve;
    this.channel = {
      open: (handler) =>
        inner.channel.open({
          message: (text, bytes) => {
            if (text.startsWith(REPORT)) this.#record(text);
            else handler.message(text, bytes);
          },
          dropped: (message) => handler.dropped(message),
          requestFailed: (id, cause) => handler.requestFailed?.(id, cause),
          closed: (cause) => handler.closed(cause),
        }),
      send: (text) => inner.channel.send(text),
      throttle: (ms) => inner.channel.throttle?.(ms),
      flush: () => inner.channel.flush(),
      close: () => inner.channel.close(),
    };
  }

  /** Whether the gateway has ended the transport. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get hasSessionId(): boolean {
    return this.#inner.hasSessionId ?? false;
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#inner.setHeaders?.(headers);
  }

  readLastOutput(): Promise<string> {
    return this.#inner.readLastOutput();
  }

  kill(): void {
    this.#inner.kill();
  }

  async end(gracePeriods: GracePeriods): Promise<void> {
    await this.#gate;
    await this.#inner.end(gracePeriods);
    this.#hasEnded = true;
    this.#onEnded();
  }

  /** The next message of a method that the server received. */
  saw(method: string): Promise<Received> {
    return this.#seen.take((message) => message.method === method);
  }

  /** The gateway's answer to a request of the server. */
  sawAnswer(id: string): Promise<Received> {
    return this.#seen.take((message) => message.method === undefined && message.id === id);
  }

  /** Methods of all messages that the server has received, in order. */
  get methods(): string[] {
    return this.#seen.all.flatMap(({ method }) => method ?? []);
  }

  /** Number of messages of a method that the server has received. */
  count(method: string): number {
    return this.methods.filter((other) => other === method).length;
  }

  /** Makes the server send a message. */
  send(message: Fields): void {
    this.sendText(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  /** Makes the server send texts, valid or not. */
  sendText(...send: string[]): void {
    this.#sendCommand({ send });
  }

  /** Makes the server answer a request with a result. */
  answer({ id }: Message, result: Fields): void {
    this.send({ id, result });
  }

  /** Makes the server send a request, and returns the answer to it. */
  async ask(id: string, method: string, params?: Fields): Promise<Received> {
    this.send({ id, method, params });
    return await this.sawAnswer(id);
  }

  /** Resolves when the gateway has received everything that the server has sent. */
  async settle(): Promise<void> {
    await this.ask(crypto.randomUUID(), "ping");
  }

  /** Changes the server's script. */
  change(script: Script): void {
    this.#sendCommand({ script });
  }

  /** Makes the server end without answering pending requests. */
  crash(lastWords?: string): void {
    this.#sendCommand({ exit: 7, ...(lastWords === undefined ? {} : { script: { lastWords } }) });
  }

  #sendCommand(command: Command): void {
    this.#inner.channel.send(
      JSON.stringify({ jsonrpc: "2.0", method: "test/do", params: command }),
    );
  }

  #record(report: string): void {
    const { text } = JSON.parse(report).params;
    this.#seen.add({ ...JSON.parse(text), text });
  }
}
