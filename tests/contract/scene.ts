import assert from "node:assert/strict";
import type { Connect, ServerConfig, ServerOptions } from "../../src/config/mod.ts";
import {
  type CallAnswer,
  type Caller,
  type Catalog,
  DownstreamServer,
  type GracePeriods,
  type ToolCall,
  type Transport,
} from "../../src/downstream/mod.ts";
import { DownstreamError } from "../../src/errors.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { createLog, type Log } from "../../src/log.ts";
import { Client } from "./client.ts";
import type { Script } from "./scripted_server.ts";
import { Seen } from "./seen.ts";
import { Tap } from "./tap.ts";
import { NO_SPAN } from "../../src/trace.ts";

/** Interface of a transport that the suite tests. */
export interface TransportUnderTest {
  /** The part of a server's entry that connects to a scripted server with this script. */
  connect(script: Script): Connect;
  /** Whether a server's last words on stderr are captured. Default: yes. */
  readonly hearsLastWords?: boolean;
  /** Opens a connection. */
  open(config: ServerConfig, options: OpenOptions): Promise<Transport>;
  /** Closes everything that the transports needed. */
  close(): Promise<void>;
}

/** Options of a connection. */
export interface OpenOptions {
  readonly log: Log;
  /** Maximum length of a message, in bytes. */
  readonly maxBytes?: number;
}

/** Options of a scene. */
export interface SceneOptions {
  readonly script?: Script;
  /** Options of the server's entry. */
  readonly options?: Partial<ServerOptions>;
  /** The clock for failed starts, in milliseconds. */
  readonly now?: () => number;
  readonly pingMs?: number;
  readonly maxBytes?: number;
}

/** Options of a tool call. */
export interface CallOptions extends Partial<Omit<ToolCall, "tool" | "args">> {
  readonly by?: Caller;
  /** The arguments as JSON text. */
  readonly args?: string;
}

const DEFAULTS: ServerOptions = {
  isolation: "agent",
  idleTimeoutMs: 300_000,
  connectTimeoutMs: 30_000,
  callTimeoutMs: 60_000,
  maxCallMs: 600_000,
  maxConcurrency: 64,
  forward: ["elicitation", "roots"],
  inheritEnv: [],
};

/** Grace periods for servers of tests: long enough that none has to be killed. */
export const GRACE_PERIODS: GracePeriods = { inputMs: 5000, terminateMs: 5000 };

/** A downstream server of the gateway, with a scripted server behind it. */
export class Scene implements AsyncDisposable {
  readonly server: DownstreamServer;
  /** All connections, in the order of their opening. */
  readonly taps: Tap[] = [];
  /** Lines of the log. */
  readonly log: string[] = [];
  /** The client that calls by default. */
  readonly client = new Client("client-1", { elicitation: { form: {}, url: {} } });
  /** Script of the servers that are opened from now on. */
  script: Script;
  /** Opening a connection waits for this. */
  gate: Promise<void> = Promise.resolve();
  /** Closing a connection waits for this. */
  endGate: Promise<void> = Promise.resolve();
  readonly #transport: TransportUnderTest;
  readonly #opened: Seen<Tap> = new Seen("a connection");

  constructor(transport: TransportUnderTest, scene: SceneOptions = {}) {
    const { script = {}, options = {}, now, pingMs, maxBytes } = scene;
    this.script = script;
    this.#transport = transport;
    const log = createLog({ level: "warn", write: (line) => this.log.push(line) });
    const config: ServerConfig = {
      name: "files",
      shown: { transport: "stdio" },
      connect: transport.connect(script),
      options: { ...DEFAULTS, ...options },
      secrets: [],
      fingerprint: "",
    };
    this.server = new DownstreamServer(config, {
      version: "1.2.3",
      log,
      open: async () => {
        await this.gate;
        const entry = { ...config, connect: transport.connect(this.script) };
        const opening = transport.open(entry, {
          log,
          ...(maxBytes === undefined ? {} : { maxBytes }),
        });
        const tap = new Tap(await opening, this.endGate);
        this.taps.push(tap);
        this.#opened.add(tap);
        return tap;
      },
      ...(now === undefined ? {} : { now }),
      ...(pingMs === undefined ? {} : { pingMs }),
    });
  }

  /** Whether a message quotes the server's last words, if the transport captures them. */
  quotes(message: string, words: string): boolean {
    return this.#transport.hearsLastWords === false || message.includes(words);
  }

  /** The next connection that is opened. */
  opened(): Promise<Tap> {
    return this.#opened.take();
  }

  /** Calls a tool. */
  async call(tool: string, options: CallOptions = {}): Promise<CallAnswer> {
    const { by = this.client.agent("agent"), args = "{}", signal, ...rest } = options;
    return await this.server.callTool({
      tool,
      args: new JsonText(args),
      signal: signal ?? new AbortController().signal,
      span: NO_SPAN,
      ...rest,
    }, by);
  }

  /**
   * Calls a tool that waits for the test; returns the call and its connection once it has arrived.
   */
  async hold(options: CallOptions = {}): Promise<Held> {
    const answer = this.call("held", options);
    // The caller who awaits the answer sees its failure.
    answer.catch(() => {});
    const tap = this.taps.at(-1) ?? await this.opened();
    return { answer, tap, request: await tap.saw("tools/call") };
  }

  /** The tools that a caller sees. */
  listTools(by: Caller = this.client.agent("agent")): Promise<Catalog> {
    return this.server.listTools(by, new AbortController().signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close(0, GRACE_PERIODS);
    const open = this.taps.filter((tap) => !tap.hasEnded);
    await this.#transport.close();
    assert.equal(open.length, 0, "A connection is left open");
    assert.equal(this.server.status().sessions, 0);
  }
}

/** A call in progress. */
export interface Held {
  readonly answer: Promise<CallAnswer>;
  readonly tap: Tap;
  readonly request: Awaited<ReturnType<Tap["saw"]>>;
}

/** Text of a call's result. */
export function resultText(answer: CallAnswer): string {
  assert.equal(answer.kind, "answer");
  assert.ok(answer.kind === "answer" && answer.reply.ok);
  return answer.reply.result.text.json;
}

/** Asserts that a call fails with a downstream error, and returns the message. */
export async function failure(
  call: Promise<unknown>,
  code: DownstreamError["code"] = "SERVER_UNAVAILABLE",
): Promise<string> {
  const error = await call.then(() => undefined, (cause: unknown) => cause);
  assert.ok(error instanceof DownstreamError, `It did not fail as it should: ${error}`);
  assert.equal(error.code, code);
  assert.equal(error.server, "files");
  return error.message;
}
