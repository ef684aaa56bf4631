import type { ClientChannel, ForwardedRequest } from "../downstream/mod.ts";
import type { IncomingRequest, Payload, Peer, Reply, RequestOptions } from "../jsonrpc/mod.ts";

/** Severities of MCP log messages, in ascending order. */
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

/** The minimum severity of the log messages that a client receives. */
export class LogThreshold {
  /** Set by the client's `logging/setLevel`; `undefined` before. */
  least: string | undefined;

  /** Whether the client receives a message of this severity. Unknown severities are not sent. */
  lets(level: unknown): boolean {
    return this.least === undefined || rankOf(level) >= rankOf(this.least);
  }
}

/** Returns the rank of a severity, or -1 if it is unknown. */
export function rankOf(level: unknown): number {
  return LOG_LEVELS.findIndex((known) => known === level);
}

/**
 * Sends servers' requests and notifications back to a client. Those sent during a call belong to that
 * call if the transport can say so.
 */
export class CallChannel implements ClientChannel {
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

  request({ method, params, signal }: ForwardedRequest): Promise<Reply> {
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
