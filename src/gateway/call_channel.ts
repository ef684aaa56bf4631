import type {
  ClientCapabilities,
  ClientChannel,
  InputKind,
  InputRequest,
  InputResponse,
} from "../downstream/mod.ts";
import type { Fields } from "../json.ts";
import type { CancelSignal, IncomingRequest, Peer } from "../jsonrpc/mod.ts";
import type { LogThreshold } from "./log_threshold.ts";
import { clientCodec2025 } from "./revisions/mod.ts";

/** The part of a client's session that its channels use. */
export interface ChannelSession {
  readonly peer: Pick<Peer, "request">;
  /** Sends a notification of a server, or drops it while the client does not read. */
  readonly notifyOrDrop: Peer["notify"];
  /** Decides which log messages the client receives. */
  readonly threshold: LogThreshold;
  /** The declared capabilities; none before `initialize`. */
  capabilities: ClientCapabilities;
}

/**
 * The channel on which servers reach a client. Over HTTP, messages of a call are sent in the response to
 * that call.
 */
export class CallChannel implements ClientChannel {
  readonly relaysInput = false;
  readonly #session: ChannelSession;
  #call: IncomingRequest | undefined;

  /**
   * Creates the channel of a call.
   *
   * @param call The call that the messages belong to; `undefined` for messages outside of calls.
   */
  constructor(session: ChannelSession, call?: IncomingRequest) {
    this.#session = session;
    this.#call = call;
  }

  /**
   * Separates the channel from its call, which has ended. A session of a server may keep the channel; its messages
   * then belong to no call.
   */
  endCall(): void {
    this.#call = undefined;
  }

  get outsideCalls(): ClientChannel {
    return this.#call === undefined ? this : new CallChannel(this.#session);
  }

  supports(kind: InputKind): boolean {
    return clientCodec2025.canAsk(this.#session.capabilities, kind);
  }

  async requestInput(request: InputRequest, signal: CancelSignal): Promise<InputResponse> {
    if (!this.supports(request.kind)) return { kind: "unsupported" };
    const { method, params } = clientCodec2025.encodeInputRequest(request);
    const duringRequest = this.#call;
    const options = duringRequest === undefined ? { signal } : { signal, duringRequest };
    return clientCodec2025.decodeInputReply(
      await this.#session.peer.request(method, params, options),
      request.kind,
    );
  }

  notifyUrlInputDone(params: Fields): void {
    this.#session.notifyOrDrop("notifications/elicitation/complete", params, this.#call);
  }

  log(params: Fields): void {
    const { threshold, notifyOrDrop } = this.#session;
    if (!threshold.includes(params.level)) return;
    notifyOrDrop("notifications/message", params, this.#call);
  }

  logLevel(): string | undefined {
    return this.#session.threshold.level;
  }
}
