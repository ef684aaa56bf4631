import type { Peer } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";

/** Sends a client the notifications of servers, which are dropped while the client does not read. */
export class LossyNotifier {
  readonly #peer: Pick<Peer, "notify" | "hasSlowReader">;
  readonly #log: Log;
  // Number of notifications that were dropped since the client stopped reading.
  #droppedCount = 0;

  /**
   * Creates the notifier of a client.
   *
   * @param log Receives a warning when the client stops reading, and when it reads again.
   */
  constructor(peer: Pick<Peer, "notify" | "hasSlowReader">, log: Log) {
    this.#peer = peer;
    this.#log = log;
  }

  /** Sends a notification, or drops it. */
  notify(...notification: Parameters<Peer["notify"]>): void {
    if (!this.#peer.hasSlowReader) {
      if (this.#droppedCount > 0) {
        const message = "The client reads again; progress and log messages were dropped";
        this.#log.warn(message, { dropped: this.#droppedCount });
        this.#droppedCount = 0;
      }
      return this.#peer.notify(...notification);
    }
    if (this.#droppedCount++ > 0) return;
    this.#log.warn(
      "The client does not read: progress and log messages of servers are dropped until it does",
    );
  }
}
