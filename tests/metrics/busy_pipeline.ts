import { AuditTrail } from "../../src/audit/mod.ts";
import type { AgentRules, Configuration, ServerConfig } from "../../src/config/mod.ts";
import type { ClientConnection } from "../../src/downstream/mod.ts";
import { ClientOffers } from "../../src/gateway/offered/mod.ts";
import { runOperation } from "../../src/gateway/pipeline.ts";
import type { PipelineContext } from "../../src/gateway/pipeline_context.ts";
import { clientCodec2025 } from "../../src/gateway/revisions/mod.ts";
import { buildSnapshot } from "../../src/gateway/snapshot.ts";
import { gatewayTools } from "../../src/gateway/tools/mod.ts";
import { type Channel, createMemoryChannels, IncomingRequest } from "../../src/jsonrpc/mod.ts";
import { createLog } from "../../src/log.ts";
import { CallLimits } from "../../src/limits/mod.ts";
import { Metrics } from "../../src/metrics/mod.ts";
import { NO_TRACER } from "../../src/trace.ts";
import { withoutMailbox } from "../gateway/without_mailbox.ts";

/** Number of agents in the rules. */
const AGENT_COUNT = 10_000;

/** Number of concurrent operations. */
const CONCURRENCY = 64;

const SERVER: ServerConfig = {
  name: "files",
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
  secrets: [],
  fingerprint: "",
};

/** The gateway's pipeline with an audit log, metrics and a server in this process. */
export class BusyPipeline implements AsyncDisposable {
  readonly metrics = new Metrics();
  readonly #folder = Deno.makeTempDirSync();
  readonly #log = createLog({ level: "error" });
  readonly #audit: AuditTrail;
  readonly #context: PipelineContext;
  readonly #client: ClientConnection;
  readonly #offers = new ClientOffers({ notify: () => true, log: this.#log });
  readonly #tools = gatewayTools({ debug: false });
  #nextNumber = 0;

  /** Creates the pipeline; the server starts with the first call. */
  constructor() {
    const log = this.#log;
    const path = `${this.#folder}/audit.jsonl`;
    this.#audit = new AuditTrail({ path, fallbackPath: path, log });
    const agents = new Map<string, AgentRules>();
    const rules: AgentRules = { allow: { servers: ["files"] }, status: false, tokens: [] };
    for (let index = 0; index < AGENT_COUNT; index++) agents.set(`agent-${index}`, rules);
    const configuration: Configuration = {
      servers: new Map([["files", SERVER]]),
      unavailableReasons: new Map(),
      rules: {
        agents,
        denyOnMissingAgent: true,
        denyOverrides: false,
        approval: { expiresS: 600, waitS: 30 },
      },
      warnings: [],
      files: { mcpConfig: "", rules: "" },
    };
    const snapshot = buildSnapshot(configuration, {
      version: "1",
      log,
      open: openServer,
    });
    this.#context = withoutMailbox({
      snapshot,
      identity: { bound: undefined, defaultAgent: undefined },
      limits: new CallLimits({ maxCalls: 1000, stateStore: "memory", log }),
      records: { audit: this.#audit, metrics: this.metrics, auditArgs: "none" },
      tracer: NO_TRACER,
      transport: "stdio",
      face: "meta",
      maxNameLength: 64,
      log,
      gateway: { status: () => ({}) },
    });
    this.#client = {
      connectionId: "client-1",
      capabilities: {},
      channel: {
        relaysInput: false,
        outsideCalls: undefined,
        supports: () => false,
        requestInput: () => Promise.reject(new Error("Unexpected request")),
        notifyUrlInputDone: () => {},
        log: () => {},
        logLevel: () => undefined,
      },
    };
  }

  /** Runs operations of all agents in turn, some of them with unknown agents, servers or tools. */
  async run(count: number): Promise<void> {
    const end = this.#nextNumber + count;
    const runUntilEnd = async (): Promise<void> => {
      while (this.#nextNumber < end) await this.#runOne(this.#nextNumber++);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, runUntilEnd));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gracePeriods = { afterInputCloseMs: 1000, afterTerminateMs: 1000 };
    for (const server of this.#context.snapshot.servers.values()) {
      await server.close(0, gracePeriods);
    }
    this.#audit.close();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  async #runOne(number: number): Promise<void> {
    const agent_id = `agent-${number % AGENT_COUNT}`;
    const server = "files";
    // Listing the server's tools is expensive, so it is rare.
    switch (number % 256) {
      case 0:
        return await this.#runOperation(number, "list_servers", { agent_id });
      case 1:
        return await this.#runOperation(number, "get_server_tools", { agent_id, server });
      case 2:
        // Each of these calls has a new agent id that is not in the rules.
        return await this.#call(number, { agent_id: `made-up-${number}`, server, tool: "echo" });
      case 3:
        return await this.#call(number, { agent_id, server: `made-up-${number}`, tool: "echo" });
      case 4:
        return await this.#call(number, { agent_id, server, tool: `made-up-${number % 50}` });
      default: {
        // The server answers each call of `fails` with a new error code.
        const tool = number % 16 === 5 ? "fails" : `tool-${number % 300}`;
        return await this.#call(number, { agent_id, server, tool });
      }
    }
  }

  async #call(number: number, args: Readonly<Record<string, string>>): Promise<void> {
    await this.#runOperation(number, "execute_tool", { ...args, args: { number } });
  }

  async #runOperation(
    number: number,
    name: string,
    args: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const tool = this.#tools.get(name);
    if (tool === undefined) throw new Error(`There is no ${name}`);
    const params = { name, arguments: args, _meta: {} };
    const body = JSON.stringify(params);
    const request = new IncomingRequest(
      { id: String(number), method: "tools/call", params, body, text: body, bytes: body.length },
      { replyTo: { answer: () => {}, notify: () => {}, end: () => {} }, onEnd: () => {} },
    );
    const { capabilities } = this.#client;
    const notifyProgress = (): void => {};
    const call = clientCodec2025.decoderOf("tools/call")?.(request, {
      findTool: () => tool,
      hasDirectTools: () => false,
      toolNames: () => "",
      capabilities,
      unansweredCount: 1,
      notifyProgress,
    });
    if (call === undefined) throw new Error("Tool calls are no operations");
    const answer = await runOperation(call, {
      connection: this.#client,
      offers: this.#offers,
      context: this.#context,
    });
    if (answer.kind !== "result") throw new Error(JSON.stringify(answer));
  }
}

/** Opens a stateless server in this process. */
function openServer(): ReturnType<Parameters<typeof buildSnapshot>[1]["open"]> {
  const [gatewayChannel, serverChannel] = createMemoryChannels();
  serverChannel.open({
    message: (text) => answerMessage(serverChannel, JSON.parse(text)),
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

const TOOL_NAMES = ["fails", ...Array.from({ length: 300 }, (_, index) => `tool-${index}`)];
const RESULTS: Readonly<Record<string, unknown>> = {
  initialize: {
    protocolVersion: "2025-11-25",
    capabilities: { tools: {} },
    serverInfo: { name: "memory", version: "1" },
  },
  "tools/list": { tools: TOOL_NAMES.map((name) => ({ name, inputSchema: { type: "object" } })) },
  "tools/call": { content: [{ type: "text", text: "done" }] },
};

function answerMessage(
  channel: Channel,
  message: {
    readonly id?: number;
    readonly method: string;
    readonly params?: { readonly name?: string; readonly arguments?: { readonly number: number } };
  },
): void {
  const { id, method, params } = message;
  if (id === undefined) return;
  const reply = params?.name === "fails"
    ? { error: { code: params.arguments?.number, message: "It failed" } }
    : { result: RESULTS[method] ?? {} };
  channel.send(JSON.stringify({ jsonrpc: "2.0", id, ...reply }));
}
