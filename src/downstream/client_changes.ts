import type { Peer } from "../jsonrpc/mod.ts";
import type { ClientChannel } from "./client_channel.ts";
import { severityRank } from "../severity.ts";
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
  // The level that was set last.
  #logLevel: string | undefined;

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
    this.#logLevel = level;
    void this.#logLevels.send(level);
  }

  /**
   * Lowers the server's log level to that of a call, if the call's client has no connection and so names a level with
   * each call. The server then sends more than other calls want; their channels drop the rest.
   *
   * @returns A promise that resolves when the level was sent; `undefined` if it need not be lowered.
   */
  lowerLogLevel(channel: ClientChannel): Promise<void> | undefined {
    const level = channel.outsideCalls === undefined ? channel.logLevel() : undefined;
    if (level === undefined) return undefined;
    const current = this.#logLevel;
    if (current !== undefined && severityRank(level) >= severityRank(current)) return undefined;
    this.#logLevel = level;
    return this.#logLevels.send(level);
  }

  /** Notifies the server that the client's roots have changed. A failure is ignored. */
  notifyRootsChanged(): void {
    void this.#rootsChanges.send();
  }
}

/** Sends one value at a time; of the values that arrive in the meantime, only the newest is sent next. */
class CoalescedSender<T> {
  readonly #sendOne: (value: T) => Promise<void>;
  #sending: Promise<void> | undefined;
  #next: { readonly value: T } | undefined;

  constructor(sendOne: (value: T) => Promise<void>) {
    this.#sendOne = sendOne;
  }

  /** Resolves when the value, or a newer one, has been sent. Never rejects. */
  send(value: T): Promise<void> {
    this.#next = { value };
    this.#sending ??= this.#sendAll().finally(() => this.#sending = undefined);
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      await this.#sendOne(next.value).catch(() => {});
    }
  }
}
