import { joinBytes } from "../bytes.ts";
import type { MessageHead } from "./message_head.ts";

/** Number of daemons that may end while the client waits for the answer to `initialize`. */
const MAX_LOST_INITIALIZATIONS = 3;

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
  #lostCount = 0;
  readonly #subscriptions = new Map<unknown, RepeatedMessage>();
  readonly #requestedLists = new Set<string>();

  /** Whether the client has sent `initialize`. */
  get hasSession(): boolean {
    return this.#initialize !== undefined;
  }

  /** The message `initialize`; `undefined` before it. */
  get initialize(): RepeatedMessage | undefined {
    return this.#initialize;
  }

  /** The messages after `initialize`, in their order. */
  get afterInitialize(): RepeatedMessage[] {
    return [this.#initialized, this.#setLevel, ...this.#subscriptions.values()]
      .filter((message) => message !== undefined);
  }

  /** The lists that the client has requested, of whose changes it is notified. */
  get requestedLists(): readonly string[] {
    return [...this.#requestedLists];
  }

  /**
   * Forgets an `initialize` that no daemon has answered, so that it can be sent again.
   *
   * @returns Its line, and that of the notification if the client has not waited for the answer; `undefined` if too many
   * daemons have ended.
   */
  forgetInitialize(): Uint8Array | undefined {
    if (++this.#lostCount >= MAX_LOST_INITIALIZATIONS) return undefined;
    const messages = [this.#initialize, this.#initialized].filter((message) =>
      message !== undefined
    );
    this.#initialize = undefined;
    this.#initialized = undefined;
    return joinBytes(messages.map(({ line }) => line));
  }

  /** Keeps a message of the client if another daemon needs it. */
  keepIfNeeded({ id, method, params }: MessageHead, line: Uint8Array): void {
    switch (method) {
      case "initialize":
        // The daemon refuses a second one.
        this.#initialize ??= { id, line: line.slice() };
        break;
      case "notifications/initialized":
        this.#initialized ??= { id, line: line.slice() };
        break;
      case "logging/setLevel":
        this.#setLevel = { id, line: line.slice() };
        break;
      case "tools/list":
      case "prompts/list":
      case "resources/list":
      case "resources/templates/list":
        this.#requestedLists.add(method.replace(/\/.*/, ""));
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
