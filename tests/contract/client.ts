import type { Caller, ClientCapabilities, ClientConnection } from "../../src/downstream/mod.ts";
import {
  type CancelSignal,
  JsonText,
  type Payload,
  type Reply,
  Result,
  utf8Bytes,
} from "../../src/jsonrpc/mod.ts";
import type { Fields } from "./scripted_server.ts";
import { Seen } from "./seen.ts";

/** A request or notification of a server that reached the client. */
export interface Told {
  readonly method: string;
  readonly params: Fields;
  /** For a request: aborted when the server cancels it. */
  readonly signal?: CancelSignal;
}

/** A client of the gateway, as the downstream side sees it. */
export class Client implements ClientConnection {
  readonly client: string;
  readonly capabilities: ClientCapabilities;
  readonly link: Caller["link"];
  /** Everything that reached the client. */
  readonly told: Seen<Told>;
  /** Answers requests; by default with an empty result. */
  answer: (told: Told) => Promise<Reply> = () => Promise.resolve(resultReply({}));
  /** The minimum level of log messages that it set. */
  logLevel: string | undefined;

  constructor(name: string, capabilities: ClientCapabilities = {}) {
    this.client = name;
    this.capabilities = capabilities;
    this.told = new Seen(`something for the client ${name}`);
    this.link = {
      request: ({ method, params, signal }) => this.#hear({ method, params: read(params), signal }),
      notify: (method, params) => this.told.add({ method, params: read(params) }),
      logLevel: () => this.logLevel,
    };
  }

  /** An agent of this client. */
  agent(agent: string): Caller {
    const { client, capabilities, link } = this;
    return { client, capabilities, link, agent };
  }

  #hear(told: Told): Promise<Reply> {
    this.told.add(told);
    return this.answer(told);
  }
}

/** A client's answer to a request of a server. */
export function resultReply(result: Fields): Reply {
  return {
    ok: true,
    result: new Result({
      value: result,
      body: JSON.stringify(result),
      bytes: utf8Bytes(JSON.stringify(result)),
    }),
  };
}

function read(params: Payload | undefined): Fields {
  const text = params instanceof JsonText ? params.text : JSON.stringify(params ?? {});
  return JSON.parse(text);
}
