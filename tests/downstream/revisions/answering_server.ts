/** Servers in memory whose answers a test decides, message by message. */
import { openTransport, Processes } from "../../../src/downstream/mod.ts";
import type { Channel } from "../../../src/jsonrpc/mod.ts";
import { createLog } from "../../../src/log.ts";
import { AsyncQueue } from "../../contract/async_queue.ts";
import {
  DownstreamFixture,
  type FixtureOptions,
  type TransportUnderTest,
} from "../../contract/downstream_fixture.ts";
import type { Fields, Message } from "../../contract/scripted_server.ts";

export const STATELESS_REVISION = "2026-07-28";

const PREFIX = "io.modelcontextprotocol/";

/** A message that a server has received, and the number of its connection. */
export interface ServedMessage extends Message {
  readonly connection: number;
}

/** The answer to a message: a result, an error, nothing, or the end of the connection. */
export type Answer = { readonly result: Fields } | { readonly error: Fields } | undefined | "exit";

/** Decides the answer to a message. */
export type AnswerMessage = (message: ServedMessage, server: AnsweringServer) => Answer;

/** A server whose connections all behave alike. */
export class AnsweringServer implements TransportUnderTest {
  readonly capturesOutput = false;
  /** All messages of all connections. */
  readonly received: AsyncQueue<ServedMessage> = new AsyncQueue("a message to the server");
  answer: AnswerMessage;
  readonly #processes = new Processes(0, createLog());
  readonly #channels: Channel[] = [];

  constructor(answer: AnswerMessage) {
    this.answer = answer;
  }

  /** Creates the gateway's side. */
  fixture(options: FixtureOptions = {}): DownstreamFixture {
    return new DownstreamFixture(this, options);
  }

  connect(): ReturnType<TransportUnderTest["connect"]> {
    return { kind: "memory", serve: (channel) => this.#serve(channel) };
  }

  open: TransportUnderTest["open"] = (config, options) => {
    return openTransport(config, { ...options, processes: this.#processes });
  };

  async close(): Promise<void> {
    await this.#processes.close();
  }

  /** Methods of all messages with an id, in order. */
  get methods(): string[] {
    return this.received.all.flatMap(({ method, id }) => id === undefined ? [] : method ?? []);
  }

  /** Sends a message on the latest connection. */
  send(message: Fields): void {
    this.#channels.at(-1)?.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  /** Sends a text on the latest connection. */
  sendText(text: string): void {
    this.#channels.at(-1)?.send(text);
  }

  /** Waits for a message with a method. */
  waitFor(method: string): Promise<ServedMessage> {
    return this.received.take((message) => message.method === method);
  }

  #serve(channel: Channel): void {
    const connection = this.#channels.push(channel) - 1;
    channel.open({
      message: (text) => {
        const message: ServedMessage = { ...JSON.parse(text), connection };
        this.received.add(message);
        const answer = this.answer(message, this);
        if (answer === "exit") void channel.close();
        else if (answer !== undefined && message.id !== undefined) {
          channel.send(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...answer }));
        }
      },
      dropped: () => {},
      closed: () => {},
    });
  }
}

/** Answers as a server of revision 2026-07-28 with one tool. */
export function answerStateless(
  { method, params }: Message,
  capabilities: Fields = { tools: {} },
): Answer {
  switch (method) {
    case "server/discover":
      return {
        result: complete({
          supportedVersions: [STATELESS_REVISION],
          capabilities,
          ttlMs: 0,
          cacheScope: "private",
        }),
      };
    case "tools/list":
      return { result: complete({ tools: [TOOL], ttlMs: 60_000, cacheScope: "private" }) };
    case "resources/list":
      return { result: complete({ resources: [], ttlMs: 60_000, cacheScope: "private" }) };
    case "resources/templates/list":
      return { result: complete({ resourceTemplates: [], ttlMs: 60_000, cacheScope: "private" }) };
    case "prompts/list":
      return { result: complete({ prompts: [], ttlMs: 60_000, cacheScope: "private" }) };
    case "tools/call":
      return {
        result: complete({ content: [{ type: "text", text: JSON.stringify(params?.arguments) }] }),
      };
    case "subscriptions/listen":
    case undefined:
    case "notifications/cancelled":
      return undefined;
    default:
      return UNKNOWN_METHOD;
  }
}

/** Answers as a server of an earlier revision with one tool. */
export function answerEarlier({ method, params }: Message): Answer {
  switch (method) {
    case "initialize":
      return {
        result: {
          protocolVersion: params?.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: "s", version: "1" },
        },
      };
    case "tools/list":
      return { result: { tools: [TOOL] } };
    case "tools/call":
      return { result: { content: [] } };
    default:
      return UNKNOWN_METHOD;
  }
}

export const UNKNOWN_METHOD: Answer = { error: { code: -32601, message: "Method not found" } };

const TOOL = { name: "echo", inputSchema: { type: "object" } };

/** Returns a complete result, with the server's description of itself. */
export function complete(result: Fields): Fields {
  return {
    resultType: "complete",
    ...result,
    _meta: { [`${PREFIX}serverInfo`]: { name: "answering", version: "1" } },
  };
}

/** Returns a reserved member of `_meta` of a request. */
export function claimOf({ params }: Message, name: string): unknown {
  return (params?._meta as Fields | undefined)?.[PREFIX + name];
}
