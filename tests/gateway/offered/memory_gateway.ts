import { AuditTrail } from "../../../src/audit/mod.ts";
import { Budget } from "../../../src/budget.ts";
import type { Configuration, ServerConfig, Settings } from "../../../src/config/mod.ts";
import type { PipelineContext } from "../../../src/gateway/pipeline_context.ts";
import { ClientSession } from "../../../src/gateway/session.ts";
import { StatelessService } from "../../../src/gateway/stateless/mod.ts";
import { buildSnapshot, type Snapshot } from "../../../src/gateway/snapshot.ts";
import { gatewayTools } from "../../../src/gateway/tools/mod.ts";
import { type Channel, createMemoryChannels, Peer, type Reply } from "../../../src/jsonrpc/mod.ts";
import { CallLimits } from "../../../src/limits/mod.ts";
import { Metrics } from "../../../src/metrics/mod.ts";
import { NO_TRACER } from "../../../src/trace.ts";
import { createRecordingLog, TestFolder } from "../../audit/audit_log_fixtures.ts";
import { readConfiguration } from "../session_fixture.ts";
import { withoutMailbox } from "../without_mailbox.ts";

/** A server in this process. */
export interface MemoryServer {
  /** The definitions of its tools, as JSON texts. A test may change them. */
  tools: readonly string[];
  /** Resolves when the server may list its tools; default: immediately. */
  readonly canList?: Promise<void>;
  /** Whether it fails to start. Default: no. */
  readonly isBroken?: boolean;
}

/** Options of a gateway. */
export interface MemoryGatewayOptions {
  readonly rules: object;
  /** The servers by name, in the order of the servers file. */
  readonly servers: Readonly<Record<string, MemoryServer>>;
  /** `gateway.direct` of each entry; default: absent. */
  readonly directTools?: readonly string[];
  readonly face?: Settings["face"];
  readonly maxNameLength?: number;
}

/** The parsed answer to a request. */
export interface Answer {
  // deno-lint-ignore no-explicit-any
  readonly result?: any;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  /** The result as it arrived. */
  readonly text: string;
}

/** A gateway without files and processes, which serves clients in this process. */
export class MemoryGateway implements AsyncDisposable {
  readonly log = createRecordingLog();
  readonly #folder = new TestFolder();
  readonly #audit: AuditTrail;
  readonly #limits: CallLimits;
  readonly #options: MemoryGatewayOptions;
  readonly #snapshot: Snapshot;
  readonly #serverChannels = new Map<string, Channel[]>();
  readonly #contexts: PipelineContext[] = [];
  readonly #sessions = new Set<ClientSession>();
  readonly #peers: Peer[] = [];
  readonly #path = this.#folder.pathOf("audit.jsonl");

  private constructor(rules: Configuration["rules"], options: MemoryGatewayOptions) {
    this.#options = options;
    const { log } = this;
    this.#audit = new AuditTrail({ path: this.#path, fallbackPath: this.#path, log });
    this.#limits = new CallLimits({ maxCalls: 1000, stateStore: "memory", log });
    const servers = Object.keys(options.servers).map((name): [string, ServerConfig] => [
      name,
      createConfig(name, options.directTools),
    ]);
    this.#snapshot = buildSnapshot({
      servers: new Map(servers),
      unavailableReasons: new Map(),
      rules,
      warnings: [],
      files: { mcpConfig: "", rules: "" },
    }, {
      version: "1",
      log,
      open: ({ name }) => this.#openServer(name),
      onListChanged: (server, kind) => {
        for (const session of this.#sessions) session.notifyServerListChanged(server, kind);
      },
    });
  }

  static async open(options: MemoryGatewayOptions): Promise<MemoryGateway> {
    const { rules } = await readConfiguration(options.rules);
    return new MemoryGateway(rules, options);
  }

  /** Connects a client that is bound to an agent. */
  connect(bound: string | undefined): MemoryClient {
    const { log } = this;
    const { face = "meta", maxNameLength = 64 } = this.#options;
    const [gatewayChannel, clientChannel] = createMemoryChannels();
    const metrics = new Metrics();
    const context: PipelineContext = withoutMailbox({
      snapshot: this.#snapshot,
      identity: { bound, defaultAgent: undefined },
      limits: this.#limits,
      records: { audit: this.#audit, metrics, auditArgs: "none" },
      tracer: NO_TRACER,
      transport: "stdio",
      face,
      maxNameLength,
      log,
      gateway: { status: () => ({}) },
    });
    this.#contexts.push(context);
    const session = new ClientSession(gatewayChannel, {
      memory: () => new Budget(Infinity),
      stateless: () =>
        Promise.resolve(
          new StatelessService({ settings: { stateTtlS: 600 }, version: "1", metrics, log }),
        ),
      tools: gatewayTools({ debug: false }),
      version: "1",
      log,
      context: () => context,
      onInitialized: () => {},
      onLogLevel: () => {},
      onRootsChanged: () => {},
      onClosed: () => {
        this.#sessions.delete(session);
        void session.end(0);
      },
    });
    this.#sessions.add(session);
    const client = new MemoryClient(clientChannel);
    this.#peers.push(client.peer);
    return client;
  }

  /** Makes a server say that its tools have changed. */
  announceChange(server: string): void {
    const text = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
    for (const channel of this.#serverChannels.get(server) ?? []) channel.send(text);
  }

  /** Returns the entries of the audit log. */
  readAudit(): Readonly<Record<string, unknown>>[] {
    this.#audit.flush();
    return ["audit.jsonl", "audit.refused.jsonl"].flatMap((name) => {
      let text = "";
      try {
        text = Deno.readTextFileSync(this.#folder.pathOf(name));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) await session.end(0);
    for (const peer of this.#peers) await peer.close();
    const gracePeriods = { afterInputCloseMs: 1000, afterTerminateMs: 1000 };
    for (const server of this.#snapshot.servers.values()) await server.close(0, gracePeriods);
    for (const { ownServer } of this.#contexts) await ownServer.close();
    await this.#limits.close();
    this.#audit.close();
    this.#folder[Symbol.dispose]();
  }

  #openServer(name: string): ReturnType<Parameters<typeof buildSnapshot>[1]["open"]> {
    const server = this.#options.servers[name];
    if (server === undefined || server.isBroken === true) {
      return Promise.reject(new Error("It does not start"));
    }
    const [gatewayChannel, serverChannel] = createMemoryChannels();
    this.#serverChannels.set(name, [...this.#serverChannels.get(name) ?? [], serverChannel]);
    serverChannel.open({
      message: (text) => void answer(server, serverChannel, JSON.parse(text)),
      dropped: () => {},
      closed: () => {},
    });
    return Promise.resolve({
      channel: gatewayChannel,
      readLastOutput: () => Promise.resolve(""),
      kill: () => void gatewayChannel.close(),
      end: () => gatewayChannel.close(),
    });
  }
}

/** A client of a gateway in this process. */
export class MemoryClient {
  readonly peer: Peer;
  /** The methods of the notifications received. */
  readonly notifications: string[] = [];
  #notified = Promise.withResolvers<void>();

  constructor(channel: Channel) {
    this.peer = new Peer(channel, {
      request: (request) => request.failUnknownMethod(),
      notification: (method) => {
        this.notifications.push(method);
        this.#notified.resolve();
        this.#notified = Promise.withResolvers<void>();
      },
      unexpected: (description) => {
        throw new Error(description);
      },
      closed: () => {},
    });
  }

  /** Waits for the next notification. */
  async nextNotification(): Promise<void> {
    await this.#notified.promise;
  }

  async request(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const reply: Reply = await this.peer.request(method, params);
    return reply.ok
      ? { result: reply.result.value, text: reply.result.text.json }
      : { error: reply.error, text: "" };
  }

  /** Lists the names of the tools, on all pages. */
  async listNames(): Promise<string[]> {
    const names: string[] = [];
    let cursor: unknown;
    do {
      const { result } = await this.request("tools/list", cursor === undefined ? {} : { cursor });
      names.push(...result.tools.map(({ name }: { name: string }) => name));
      cursor = result.nextCursor;
    } while (cursor !== undefined);
    return names;
  }
}

function createConfig(
  name: string,
  directTools: readonly string[] | undefined,
): ServerConfig {
  return {
    name,
    publicInfo: { transport: "stdio" },
    connection: { kind: "stdio", command: "", args: [], env: {} },
    options: {
      isolation: "shared",
      idleTimeoutMs: 300_000,
      connectTimeoutMs: 30_000,
      callTimeoutMs: 60_000,
      maxCallMs: 600_000,
      maxConcurrency: 64,
      forward: [],
      inheritEnv: [],
    },
    ...(directTools === undefined ? {} : { directTools }),
    secrets: [],
    fingerprint: name,
  };
}

async function answer(
  server: MemoryServer,
  channel: Channel,
  { id, method, params }: {
    readonly id?: number;
    readonly method: string;
    readonly params?: { readonly name?: string; readonly protocolVersion?: string };
  },
): Promise<void> {
  if (id === undefined) return;
  if (method === "tools/list") await server.canList;
  const results: Readonly<Record<string, string>> = {
    initialize: JSON.stringify({
      protocolVersion: "2025-11-25",
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: "memory", version: "1" },
    }),
    "tools/list": `{"tools":[${server.tools.join(",")}]}`,
    "tools/call": JSON.stringify({ content: [{ type: "text", text: params?.name ?? "" }] }),
  };
  channel.send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${results[method] ?? "{}"}}`);
}

/** Returns the definition of a plain tool. */
export function plainTool(name: string): string {
  return JSON.stringify({ name, inputSchema: { type: "object" } });
}
