import type { ClientLink } from "../downstream/mod.ts";
import type {
  CancelSignal,
  IncomingRequest,
  Payload,
  Peer,
  Reply,
  RequestOptions,
} from "../jsonrpc/mod.ts";

/** Severities of MCP log messages, from the least on. */
export const LOG_LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
] as const;

/** How severe log messages have to be for a client to get them. */
export class LogThreshold {
  /** The least severity that the client asked for; `undefined` while it did not. */
  least: string | undefined;

  /** Whether a message of this severity is for the client; one of an unknown severity is not. */
  lets(level: unknown): boolean {
    return this.least === undefined || rankOf(level) >= rankOf(this.least);
  }
}

/** Place of a severity in the order of all, or -1. */
export function rankOf(level: unknown): number {
  return LOG_LEVELS.findIndex((known) => known === level);
}

/**
 * The way back to a client. What a server asks or says during a call belongs to that call, where the
 * client can tell.
 */
export class CallChannel implements ClientLink {
  readonly #peer: Peer;
  readonly #threshold: LogThreshold;
  readonly #call: IncomingRequest | undefined;

  /**
   * Takes the way of a call.
   *
   * @param peer The client.
   * @param threshold Which log messages it gets.
   * @param call The call; none where a server says something of itself.
   */
  constructor(peer: Peer, threshold: LogThreshold, call?: IncomingRequest) {
    this.#peer = peer;
    this.#threshold = threshold;
    this.#call = call;
  }

  request(method: string, params: Payload | undefined, signal: CancelSignal): Promise<Reply> {
    const options: RequestOptions = this.#call === undefined
      ? { signal }
      : { signal, during: this.#call };
    return this.#peer.request(method, params, options);
  }

  notify(method: string, params: Payload | undefined): void {
    if (method === "notifications/message" && !this.#threshold.lets(levelOf(params))) return;
    this.#peer.notify(method, params, this.#call);
  }

  logLevel(): string | undefined {
    return this.#threshold.least;
  }
}

function levelOf(params: Payload | undefined): unknown {
  return typeof params === "object" && "level" in params ? params.level : undefined;
}
