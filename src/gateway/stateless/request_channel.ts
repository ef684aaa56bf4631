import type { ClientChannel, InputResponse } from "../../downstream/mod.ts";
import type { IncomingRequest, Payload } from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import { withoutReserved } from "../../reserved_meta.ts";
import { severityRank } from "../../severity.ts";
import { clientCodec2025 } from "../revisions/mod.ts";

/** Sends a notification that belongs to a request, or drops it while the client does not read. */
export type NotifyOrDrop = (
  method: string,
  params: Payload,
  request: IncomingRequest,
) => void;

/** Returns a notifier that leaves out the keys of `_meta` that servers must not write. */
export function withoutReservedKeys(notify: NotifyOrDrop): NotifyOrDrop {
  return (method, params, request) => {
    const { _meta } = clientCodec2025.fieldsOf(params);
    const allowedParams = isRecord(_meta) ? { ...params, _meta: withoutReserved(_meta) } : params;
    notify(method, allowedParams, request);
  };
}

/** Options of the channel of a request. */
export interface RequestChannelOptions {
  /** The request; `undefined` for a channel that carries nothing. */
  readonly request: IncomingRequest | undefined;
  /** The least severity of log messages that the client wants; `undefined` if it wants none. */
  readonly logLevel: string | undefined;
  /** Sends a notification. */
  readonly notify: NotifyOrDrop;
}

/** The channel on which servers reach the client of one request, until it is answered. */
export class RequestChannel implements ClientChannel {
  readonly relaysInput = false;
  readonly outsideCalls = undefined;
  readonly #options: RequestChannelOptions;
  #request: IncomingRequest | undefined;

  /** Opens the channel. */
  constructor(options: RequestChannelOptions) {
    this.#options = options;
    this.#request = options.request;
  }

  /** Closes the channel when the request has ended. A session of a server may keep it. */
  end(): void {
    this.#request = undefined;
  }

  supports(): boolean {
    return false;
  }

  requestInput(): Promise<InputResponse> {
    return Promise.resolve({ kind: "unsupported" });
  }

  notifyUrlInputDone(): void {
    // No link has been sent to the client.
  }

  log(params: Readonly<Record<string, unknown>>): void {
    const { logLevel, notify } = this.#options;
    if (this.#request === undefined || logLevel === undefined) return;
    if (severityRank(params.level) < severityRank(logLevel)) return;
    notify("notifications/message", params, this.#request);
  }

  logLevel(): string | undefined {
    return this.#options.logLevel;
  }
}
