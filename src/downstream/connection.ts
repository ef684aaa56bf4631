import type { ServerConfig } from "../config/mod.ts";
import type { Log } from "../log.ts";
import { BROKEN_GRACE } from "./grace_periods.ts";
import { type GracePeriods, type Transport, transportKind } from "./transports/mod.ts";

/** Options of a connection. */
export interface ConnectionOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Opens the transport. */
  readonly open: () => Promise<Transport>;
  /** Receives an error if the connection cannot be ended. */
  readonly log: Log;
}

/** A session's transport, which may be ended while it is still being opened. */
export class Connection {
  readonly #options: ConnectionOptions;
  #opening: Promise<Transport> | undefined;
  #transport: Transport | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The id of the server's process, if the gateway started one. */
  get pid(): number | undefined {
    return this.#transport?.pid;
  }

  /** Whether the server's program was started without its launcher. */
  get isDirect(): boolean {
    return this.#transport?.isDirect ?? false;
  }

  /** Whether the server keeps a session under an id, which it may forget. */
  get hasSessionId(): boolean {
    return this.#transport?.hasSessionId ?? false;
  }

  /** Whether a start timed out, and its program may still be downloading the server. */
  mayBeDownloading({ cause }: Error): boolean {
    const isTimeout = cause instanceof DOMException && cause.name === "TimeoutError";
    return isTimeout && !this.isDirect &&
      transportKind(this.#options.config.connection).mayDownload();
  }

  /** Opens a transport. If there is an earlier one, ends it first. */
  async open(): Promise<Transport> {
    await this.#transport?.end(BROKEN_GRACE);
    this.#transport = undefined;
    this.#opening = this.#options.open();
    this.#transport = await this.#opening;
    return this.#transport;
  }

  /** Returns the last output of the server; see `Transport`. */
  async readLastOutput(): Promise<string> {
    return await this.#transport?.readLastOutput() ?? "";
  }

  /** Kills everything that was started for the connection, immediately. */
  kill(): void {
    this.#transport?.kill();
  }

  /** Ends everything that was started for the connection, once it is no longer opening. Never throws. */
  async end(gracePeriods: GracePeriods): Promise<void> {
    const { config, log } = this.#options;
    try {
      if (this.#transport === undefined) await this.#opening;
    } catch {
      // The transport could not be opened, so there is nothing to end. The failed start reports why.
    }
    try {
      await this.#transport?.end(gracePeriods);
    } catch (error) {
      log.error("A server could not be ended", { server: config.name, reason: String(error) });
    }
  }
}
