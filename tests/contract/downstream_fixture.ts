import assert from "node:assert/strict";
import type { Budget } from "../../src/budget.ts";
import type { ConnectionConfig, ServerConfig, ServerOptions } from "../../src/config/mod.ts";
import {
  type Caller,
  type CallOutcome,
  DownstreamServer,
  type GracePeriods,
  type ItemCallOptions,
  type ItemList,
  type ItemRequest,
  type ListKind,
  type RequestOutcome,
  type ToolCall,
  type Transport,
} from "../../src/downstream/mod.ts";
import { DownstreamError } from "../../src/errors.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { createLog, type Log } from "../../src/log.ts";
import { FakeClient } from "./fake_client.ts";
import type { Script } from "./scripted_server.ts";
import { AsyncQueue } from "./async_queue.ts";
import { ScriptedConnection } from "./scripted_connection.ts";
import { NO_SPAN } from "../../src/trace.ts";

/** A transport to downstream servers, as the suite uses it. */
export interface TransportUnderTest {
  /** Returns the connection settings for a scripted server with this script. */
  connect(script: Script): ConnectionConfig;
  /** Whether error messages quote the server's last output on stderr; by default true. */
  readonly capturesOutput?: boolean;
  /** Opens a connection. */
  open(config: ServerConfig, options: OpenOptions): Promise<Transport>;
  /** Releases what all connections share. */
  close(): Promise<void>;
}

/** Options of a connection. */
export interface OpenOptions {
  readonly log: Log;
  /** Maximum length of a message, in bytes. */
  readonly maxBytes?: number;
}

/** Options of a fixture. */
export interface FixtureOptions {
  readonly script?: Script;
  /** Options of the server's entry. */
  readonly options?: Partial<ServerOptions>;
  /** Clock for the pauses after failed starts, in milliseconds. */
  readonly now?: () => number;
  /** Time for the server to answer a ping, in milliseconds. */
  readonly pingMs?: number;
  readonly maxBytes?: number;
  /** The memory of the gateway; default: no limit. */
  readonly memory?: Budget;
}

/** Options of a tool call. */
export interface CallOptions extends Partial<Omit<ToolCall, "tool" | "args">> {
  readonly caller?: Caller;
  /** The arguments as JSON text. */
  readonly args?: string;
}

/** Options of a request for a resource, a prompt or a completion, or of a subscription. */
export interface RequestOptions extends Partial<ItemCallOptions> {
  readonly caller?: Caller;
}

/** A change of a list that the gateway was told of. */
export interface ListChange {
  readonly kind: ListKind;
  readonly connectionId: string | undefined;
}

/** An update of a resource that the gateway was told of. */
export interface ResourceUpdate {
  readonly params: Readonly<Record<string, unknown>>;
  readonly connectionIds: readonly string[];
}

const DEFAULT_OPTIONS: ServerOptions = {
  isolation: "agent",
  idleTimeoutMs: 300_000,
  connectTimeoutMs: 30_000,
  callTimeoutMs: 60_000,
  maxCallMs: 600_000,
  maxConcurrency: 64,
  forward: ["elicitation", "roots"],
  inheritEnv: [],
};

/** Grace periods that are long enough for every server of a test, so that none is killed. */
export const GRACE_PERIODS: GracePeriods = { afterInputCloseMs: 5000, afterTerminateMs: 5000 };

/** A downstream server of the gateway that is connected to scripted servers. */
export class DownstreamFixture implements AsyncDisposable {
  readonly server: DownstreamServer;
  /** All connections, in the order in which they were opened. */
  readonly connections: ScriptedConnection[] = [];
  /** Lines of the log. */
  readonly log: string[] = [];
  /** The default caller's client. */
  readonly client = new FakeClient("client-1", { elicitation: { form: {}, url: {} } });
  readonly listChanges: AsyncQueue<ListChange> = new AsyncQueue("a change of a list");
  readonly updates: AsyncQueue<ResourceUpdate> = new AsyncQueue("an update of a resource");
  /** The parameters of the updates, as they came. */
  readonly updateTexts: string[] = [];
  /** The script of the servers of later connections. */
  script: Script;
  /** Opening a connection waits for this promise. */
  openGate: Promise<void> = Promise.resolve();
  /** Closing a connection waits for this promise. */
  closeGate: Promise<void> = Promise.resolve();
  readonly #transport: TransportUnderTest;
  readonly #openedConnections: AsyncQueue<ScriptedConnection> = new AsyncQueue("a connection");

  constructor(transport: TransportUnderTest, fixtureOptions: FixtureOptions = {}) {
    const { script = {}, options = {}, now, pingMs, maxBytes, memory } = fixtureOptions;
    this.script = script;
    this.#transport = transport;
    const log = createLog({ level: "warn", write: (line) => this.log.push(line) });
    const config: ServerConfig = {
      name: "files",
      publicInfo: { transport: "stdio" },
      connection: transport.connect(script),
      options: { ...DEFAULT_OPTIONS, ...options },
      secrets: [],
      fingerprint: "",
    };
    this.server = new DownstreamServer(config, {
      version: "1.2.3",
      log,
      ...(memory && { memoryOf: (server: string) => memory.share(`server ${server}`) }),
      open: async () => {
        await this.openGate;
        const entry: ServerConfig = { ...config, connection: transport.connect(this.script) };
        const opening = transport.open(entry, {
          log,
          ...(maxBytes === undefined ? {} : { maxBytes }),
        });
        const connection = new ScriptedConnection(await opening, this.closeGate);
        this.connections.push(connection);
        this.#openedConnections.add(connection);
        return connection;
      },
      onListChanged: (_server, kind, connectionId) => this.listChanges.add({ kind, connectionId }),
      onResourceUpdated: (_server, { params }, connectionIds) => {
        this.updateTexts.push(params.json);
        this.updates.add({ params: JSON.parse(params.json), connectionIds });
      },
      ...(now === undefined ? {} : { now }),
      ...(pingMs === undefined ? {} : { pingMs }),
    });
  }

  /** Whether a message quotes the server's output, or the transport does not capture output. */
  quotesOutput(message: string, output: string): boolean {
    return this.#transport.capturesOutput === false || message.includes(output);
  }

  /** Returns the next connection; waits for it if it is not open yet. */
  waitForConnection(): Promise<ScriptedConnection> {
    return this.#openedConnections.take();
  }

  /** Calls a tool. */
  async call(tool: string, options: CallOptions = {}): Promise<CallOutcome> {
    const { caller = this.client.asAgent("agent"), args = "{}", signal, ...callOptions } = options;
    return await this.server.callTool({
      tool,
      args: new JsonText(args),
      signal: signal ?? new AbortController().signal,
      span: NO_SPAN,
      ...callOptions,
    }, caller);
  }

  /** Calls the tool `held`, whose calls the test answers; waits until the server has received the call. */
  async startHeldCall(options: CallOptions = {}): Promise<HeldCall> {
    const answer = this.call("held", options);
    // The test handles a failure of the call when it awaits the answer.
    answer.catch(() => {});
    const connection = this.connections.at(-1) ?? await this.waitForConnection();
    return { answer, connection, request: await connection.waitForMessage("tools/call") };
  }

  /** Lists the tools that a caller sees. */
  listTools(caller?: Caller): Promise<ItemList> {
    return this.list("tools", caller);
  }

  /** Lists what a caller sees. */
  list(kind: ListKind, caller: Caller = this.client.asAgent("agent")): Promise<ItemList> {
    return this.server.list(kind, { caller, signal: new AbortController().signal });
  }

  /** Requests a resource, a prompt or a completion. */
  async request(request: ItemRequest, options: RequestOptions = {}): Promise<RequestOutcome> {
    const { caller, ...callOptions } = this.#complete(options);
    const outcome = await this.server.request({ ...request, ...callOptions }, caller);
    assert.equal(outcome.kind, "replied");
    return outcome;
  }

  /** Reads a resource whose reading the test answers; waits until the server has received the request. */
  async startHeldRead(options: RequestOptions = {}): Promise<HeldRead> {
    const answer = this.request({ kind: "resource", uri: "test://held" }, options);
    // The test handles a failure of the request when it awaits the answer.
    answer.catch(() => {});
    const connection = this.connections.at(-1) ?? await this.waitForConnection();
    return { answer, connection, request: await connection.waitForMessage("resources/read") };
  }

  /** Subscribes to a resource. */
  async subscribe(uri: string, options: RequestOptions = {}): Promise<RequestOutcome> {
    const { caller, ...callOptions } = this.#complete(options);
    return await this.server.subscribe({ uri, ...callOptions }, caller);
  }

  /** Ends a subscription to a resource. */
  async unsubscribe(uri: string, options: RequestOptions = {}): Promise<RequestOutcome> {
    const { caller, ...callOptions } = this.#complete(options);
    return await this.server.unsubscribe({ uri, ...callOptions }, caller);
  }

  #complete(options: RequestOptions): ItemCallOptions & { readonly caller: Caller } {
    const { caller = this.client.asAgent("agent"), signal, ...others } = options;
    return { span: NO_SPAN, signal: signal ?? new AbortController().signal, ...others, caller };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close(0, GRACE_PERIODS);
    const openConnections = this.connections.filter((connection) => !connection.hasEnded);
    await this.#transport.close();
    assert.equal(openConnections.length, 0, "A connection was left open");
    assert.equal(this.server.status().sessions, 0);
  }
}

/** A call that the server has received and not answered. */
export interface HeldCall {
  readonly answer: Promise<CallOutcome>;
  readonly connection: ScriptedConnection;
  readonly request: Awaited<ReturnType<ScriptedConnection["waitForMessage"]>>;
}

/** A read of a resource that the server has received and not answered. */
export interface HeldRead {
  readonly answer: Promise<RequestOutcome>;
  readonly connection: ScriptedConnection;
  readonly request: Awaited<ReturnType<ScriptedConnection["waitForMessage"]>>;
}

/** Returns the result of a successful request, parsed. */
export function readOutcome({ reply }: RequestOutcome): unknown {
  assert.ok(reply.ok);
  return JSON.parse(reply.result.text.json);
}

/** Returns the result of a successful call, as JSON. */
export function readResultJson(answer: CallOutcome): string {
  assert.equal(answer.kind, "replied");
  assert.ok(answer.kind === "replied" && answer.reply.ok);
  return answer.reply.result.text.json;
}

/** Asserts that a call fails with a `DownstreamError`, and returns its message. */
export async function expectFailure(
  call: Promise<unknown>,
  code: DownstreamError["code"] = "SERVER_UNAVAILABLE",
): Promise<string> {
  const error = await call.then(() => undefined, (cause: unknown) => cause);
  assert.ok(error instanceof DownstreamError, `Expected a DownstreamError, got: ${error}`);
  assert.equal(error.code, code);
  assert.equal(error.server, "files");
  return error.message;
}
