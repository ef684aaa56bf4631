import type { Peer } from "../jsonrpc/mod.ts";
import { withDeadline } from "../within.ts";
import type { ServerCodec, ServerInfo } from "./revisions/mod.ts";

/** Maximum time for a server's answer to a new log level, in milliseconds. */
const LOG_LEVEL_TIMEOUT_MS = 5000;

/** The session of a server to which the changes are sent. */
export interface ChangesReceiver {
  readonly peer: Peer;
  readonly codec: ServerCodec;
  ready(): Promise<ServerInfo>;
}

/**
 * Sends a server what its client has changed: the log level and the roots. A client may send thousands of
 * changes, and the server may never read or answer one, so at most one of each kind is pending at a time.
 */
export class ClientChanges {
  readonly #logLevels: CoalescedSender<string>;
  readonly #rootsChanges: CoalescedSender<void>;

  constructor(receiver: ChangesReceiver) {
    this.#logLevels = new CoalescedSender(async (level) => {
      const info = await receiver.ready();
      const { codec, peer } = receiver;
      await withDeadline(LOG_LEVEL_TIMEOUT_MS, (signal) => {
        return codec.setLogLevel(peer, { level, info, signal });
      });
    });
    this.#rootsChanges = new CoalescedSender(async () => {
      const { codec, peer } = receiver;
      codec.notifyRootsChanged(peer);
      await peer.flush();
    });
  }

  /** Sets the server's log level, if it supports logging. A failure is ignored. */
  setLogLevel(level: string): void {
    this.#logLevels.send(level);
  }

  /** Notifies the server that the client's roots have changed. A failure is ignored. */
  notifyRootsChanged(): void {
    this.#rootsChanges.send();
  }
}

/** Sends one value at a time; of the values that arrive in the meantime, only the newest is sent next. */
class CoalescedSender<T> {
  readonly #sendOne: (value: T) => Promise<void>;
  #isSending = false;
  #next: { readonly value: T } | undefined;

  constructor(sendOne: (value: T) => Promise<void>) {
    this.#sendOne = sendOne;
  }

  send(value: T): void {
    this.#next = { value };
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      await this.#sendOne(next.value).catch(() => {});
    }
    this.#isSending = false;
  }
}
