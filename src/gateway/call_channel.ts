import type {
  ClientCapabilities,
  ClientChannel,
  InputKind,
  InputRequest,
  InputResponse,
} from "../downstream/mod.ts";
import type { CancelSignal, IncomingRequest, Peer } from "../jsonrpc/mod.ts";
import { v2025 } from "./revisions/mod.ts";

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

/** A client's session, as its channels see it. */
export interface ClientSide {
  readonly peer: Pick<Peer, "request" | "notify">;
  /** Which log messages the client receives. */
  readonly threshold: LogThreshold;
  /** The declared capabilities; none before `initialize`. */
  capabilities: ClientCapabilities;
}

/**
 * The channel to a client. What is sent during a call belongs to that call if the transport can say so.
 */
export class CallChannel implements ClientChannel {
  readonly #side: ClientSide;
  readonly #call: IncomingRequest | undefined;

  /**
   * Creates the channel of a call.
   *
   * @param side The client's session.
   * @param call The call; none for what a server sends outside of calls.
   */
  constructor(side: ClientSide, call?: IncomingRequest) {
    this.#side = side;
    this.#call = call;
  }

  supports(kind: InputKind): boolean {
    return v2025.canAsk(this.#side.capabilities, kind);
  }

  async requestInput(request: InputRequest, signal: CancelSignal): Promise<InputResponse> {
    if (!this.supports(request.kind)) return { kind: "unsupported" };
    const { method, params } = v2025.encodeInput(request);
    const during = this.#call;
    const options = during === undefined ? { signal } : { signal, during };
    return v2025.decodeInput(await this.#side.peer.request(method, params, options), request.kind);
  }

  notifyLinkDone(params: v2025.Fields): void {
    this.#side.peer.notify("notifications/elicitation/complete", params, this.#call);
  }

  log(params: v2025.Fields): void {
    const { peer, threshold } = this.#side;
    if (threshold.lets(params.level)) peer.notify("notifications/message", params, this.#call);
  }

  logLevel(): string | undefined {
    return this.#side.threshold.least;
  }
}
