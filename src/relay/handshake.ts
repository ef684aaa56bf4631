import type { Envelope } from "./envelope.ts";

/** Maximum number of subscriptions that are repeated. */
const MAX_SUBSCRIPTIONS = 1000;

/** A message that is sent again to another daemon. */
interface RepeatedMessage {
  /** The line, with its delimiter. */
  readonly line: Uint8Array;
  /** The id as JSON text; `undefined` for a notification. */
  readonly id: string | undefined;
}

/** The messages of a client's session that another daemon has to receive again. */
export class Handshake {
  #initialize: RepeatedMessage | undefined;
  #initialized: RepeatedMessage | undefined;
  #setLevel: RepeatedMessage | undefined;
  readonly #subscriptions = new Map<unknown, RepeatedMessage>();

  /** Whether the client has sent `initialize`. */
  get hasSession(): boolean {
    return this.#initialize !== undefined;
  }

  /** The message `initialize`; `undefined` before it. */
  get initialize(): RepeatedMessage | undefined {
    return this.#initialize;
  }

  /** The messages after `initialize`, in their order. */
  get others(): RepeatedMessage[] {
    return [this.#initialized, this.#setLevel, ...this.#subscriptions.values()]
      .filter((message) => message !== undefined);
  }

  /** Keeps a message of the client if another daemon needs it. */
  note({ id, method, params }: Envelope, line: Uint8Array): void {
    switch (method) {
      case "initialize":
        // A second one is refused.
        this.#initialize ??= { id, line: line.slice() };
        break;
      case "notifications/initialized":
        this.#initialized ??= { id, line: line.slice() };
        break;
      case "logging/setLevel":
        this.#setLevel = { id, line: line.slice() };
        break;
      case "resources/subscribe":
        if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) break;
        this.#subscriptions.set(params?.uri, { id, line: line.slice() });
        break;
      case "resources/unsubscribe":
        this.#subscriptions.delete(params?.uri);
        break;
    }
  }
}
