import type { GracePeriods, Recovery, Transport } from "../../src/downstream/mod.ts";
import type { Channel } from "../../src/jsonrpc/mod.ts";
import {
  type Command,
  type Fields,
  type Message,
  REPORT_PREFIX,
  type Script,
} from "./scripted_server.ts";
import { AsyncQueue } from "./async_queue.ts";

/** A message that the server received: parsed, and as text. */
export interface ReceivedMessage extends Message {
  readonly text: string;
}

/**
 * The gateway's connection to a scripted server. Through it, the test also observes and commands the
 * server. The gateway does not receive the server's reports to the test.
 */
export class ScriptedConnection implements Transport {
  readonly channel: Channel;
  readonly pid?: number;
  readonly exited?: Promise<unknown>;
  readonly recovery?: Recovery;
  /** Resolves when the gateway has ended the transport. */
  readonly ended: Promise<void>;
  readonly #transport: Transport;
  readonly #closeGate: Promise<void>;
  readonly #received: AsyncQueue<ReceivedMessage> = new AsyncQueue("a message to the server");
  readonly #onEnded: () => void;
  #hasEnded = false;

  /** @param closeGate Ending the transport waits for this promise. */
  constructor(transport: Transport, closeGate: Promise<void>) {
    this.#transport = transport;
    this.#closeGate = closeGate;
    if (transport.pid !== undefined) this.pid = transport.pid;
    if (transport.exited !== undefined) this.exited = transport.exited;
    if (transport.recovery !== undefined) this.recovery = transport.recovery;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#onEnded = resolve;
    this.channel = {
      open: (handler) =>
        transport.channel.open({
          message: (text, bytes) => {
            if (text.startsWith(REPORT_PREFIX)) return this.#record(text);
            return handler.message(text, bytes);
          },
          dropped: (message) => handler.dropped(message),
          requestEnded: (id, cause) => handler.requestEnded?.(id, cause),
          closed: (cause) => handler.closed(cause),
        }),
      send: (text, memory, headers) => transport.channel.send(text, memory, headers),
      throttle: (ms) => transport.channel.throttle?.(ms),
      flush: () => transport.channel.flush(),
      close: () => transport.channel.close(),
    };
  }

  /** Whether the gateway has ended the transport. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get hasSessionId(): boolean {
    return this.#transport.hasSessionId ?? false;
  }

  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#transport.setHeaders?.(headers);
  }

  readLastOutput(): Promise<string> {
    return this.#transport.readLastOutput();
  }

  kill(): void {
    this.#transport.kill();
  }

  async end(gracePeriods: GracePeriods): Promise<void> {
    await this.#closeGate;
    await this.#transport.end(gracePeriods);
    this.#hasEnded = true;
    this.#onEnded();
  }

  /** Waits for the next message of a method that the server receives. */
  waitForMessage(method: string): Promise<ReceivedMessage> {
    return this.#received.take((message) => message.method === method);
  }

  /** Waits for the gateway's answer to a request of the server. */
  waitForAnswer(id: string): Promise<ReceivedMessage> {
    return this.#received.take((message) => message.method === undefined && message.id === id);
  }

  /** Methods of all messages that the server has received, in order. */
  get receivedMethods(): string[] {
    return this.#received.all.flatMap(({ method }) => method ?? []);
  }

  /** Number of messages of a method that the server has received. */
  countReceived(method: string): number {
    return this.receivedMethods.filter((receivedMethod) => receivedMethod === method).length;
  }

  /** Makes the server send a message. */
  send(message: Fields): void {
    this.sendTexts(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  /** Makes the server send texts as messages, valid or not. */
  sendTexts(...texts: string[]): void {
    this.#sendCommand({ send: texts });
  }

  /** Makes the server answer a request with a result. */
  answer({ id }: Message, result: Fields): void {
    this.send({ id, result });
  }

  /** Makes the server send a request, and waits for the answer. */
  async sendRequest(id: string, method: string, params?: Fields): Promise<ReceivedMessage> {
    this.send({ id, method, params });
    return await this.waitForAnswer(id);
  }

  /** Waits until the gateway has received everything that the server has sent. */
  async waitUntilAllReceived(): Promise<void> {
    await this.sendRequest(crypto.randomUUID(), "ping");
  }

  /** Replaces members of the server's script. */
  changeScript(script: Script): void {
    this.#sendCommand({ script });
  }

  /** Makes the server exit without answering pending requests. */
  crash(lastOutput?: string): void {
    this.#sendCommand({ exit: 7, ...(lastOutput === undefined ? {} : { script: { lastOutput } }) });
  }

  #sendCommand(command: Command): void {
    this.#transport.channel.send(
      JSON.stringify({ jsonrpc: "2.0", method: "test/command", params: command }),
    );
  }

  #record(report: string): void {
    const { text } = JSON.parse(report).params;
    this.#received.add({ ...JSON.parse(text), text });
  }
}
