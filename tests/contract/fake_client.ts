import {
  type Caller,
  type ClientCapabilities,
  type ClientConnection,
  readCapabilities,
} from "../../src/downstream/mod.ts";
import { CallChannel, type ChannelSession } from "../../src/gateway/call_channel.ts";
import { LogThreshold } from "../../src/gateway/log_threshold.ts";
import {
  type CancelSignal,
  JsonText,
  type Reply,
  Result,
  utf8Bytes,
} from "../../src/jsonrpc/mod.ts";
import type { Fields } from "./scripted_server.ts";
import { AsyncQueue } from "./async_queue.ts";

/** A request or notification of a server that reached the client. */
export interface ClientMessage {
  readonly method: string;
  readonly params: Fields;
  /** For a request: aborted when the server cancels it. */
  readonly signal?: CancelSignal;
}

/** A client of the gateway, without a connection. The test sets its answers. */
export class FakeClient implements ClientConnection {
  readonly connectionId: string;
  readonly capabilities: ClientCapabilities;
  readonly channel: Caller["channel"];
  /** All requests and notifications that reached the client. */
  readonly received: AsyncQueue<ClientMessage>;
  /** Answers a request; by default with an empty result. */
  answer: (message: ClientMessage) => Promise<Reply> = () => Promise.resolve(createResultReply({}));
  readonly #threshold = new LogThreshold();

  /**
   * @param name Id of its connection.
   * @param declared The capabilities as its `initialize` would declare them.
   */
  constructor(name: string, declared: Fields = {}) {
    const capabilities = readCapabilities(declared);
    this.connectionId = name;
    this.capabilities = capabilities;
    this.received = new AsyncQueue(`a message to the client ${name}`);
    const state: ChannelSession = {
      peer: {
        request: (method, params, { signal } = {}) => {
          const message = {
            method,
            params: readFields(params),
            ...(signal === undefined ? {} : { signal }),
          };
          this.received.add(message);
          return this.answer(message);
        },
      },
      notifyOrDrop: (method, params) => this.received.add({ method, params: readFields(params) }),
      threshold: this.#threshold,
      capabilities,
    };
    this.channel = new CallChannel(state);
  }

  /** Sets the minimum level of log messages. */
  set logLevel(level: string) {
    this.#threshold.level = level;
  }

  /** Returns the caller for an agent of this client. */
  asAgent(agent: string): Caller {
    const { connectionId, capabilities, channel } = this;
    return { connectionId, capabilities, channel, agent };
  }
}

/** Creates the answer of a client to a request of a server. */
export function createResultReply(result: Fields): Reply {
  return {
    ok: true,
    result: new Result({
      value: result,
      body: JSON.stringify(result),
      bytes: utf8Bytes(JSON.stringify(result)),
    }),
  };
}

function readFields(params: Parameters<ChannelSession["peer"]["request"]>[1]): Fields {
  if (typeof params === "function") throw new Error("The parameters must not depend on an id");
  return JSON.parse(params instanceof JsonText ? params.json : JSON.stringify(params ?? {}));
}
