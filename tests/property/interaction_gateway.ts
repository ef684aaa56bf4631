import assert from "node:assert/strict";
import { AuditTrail } from "../../src/audit/mod.ts";
import { Budget } from "../../src/budget.ts";
import type { ServerConfig } from "../../src/config/mod.ts";
import { ClientSession } from "../../src/gateway/session.ts";
import { buildSnapshot, type Snapshot } from "../../src/gateway/snapshot.ts";
import { StatelessService } from "../../src/gateway/stateless/mod.ts";
import { gatewayTools } from "../../src/gateway/tools/mod.ts";
import { type Channel, createMemoryChannels, Peer } from "../../src/jsonrpc/mod.ts";
import { CallLimits } from "../../src/limits/mod.ts";
import { Metrics } from "../../src/metrics/mod.ts";
import { NO_TRACER } from "../../src/trace.ts";
import { createRecordingLog, TestFolder } from "../audit/audit_log_fixtures.ts";
import { waitUntil } from "../e2e/wait.ts";
import { readConfiguration } from "../gateway/session_fixture.ts";
import { withoutMailbox } from "../gateway/without_mailbox.ts";

type Fields = Readonly<Record<string, unknown>>;

interface WireMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
}

/** The side effects of all calls of a tool, in their order: the id of the call, and its step. */
export type Effects = string[];

const TOOL = { name: "work", inputSchema: { type: "object" } };

const FORM = { message: "Go on?", requestedSchema: { type: "object", properties: {} } };

/**
 * Serves a tool that changes something in each step, and asks between its steps, in revision 2025-11-25.
 *
 * @returns A function that withdraws the questions that are not answered; their calls end.
 */
function serveEarlier(channel: Channel, effects: Effects): () => void {
  const questions = new Map<unknown, (isAnswered: boolean) => void>();
  const calls = new Map<unknown, () => void>();
  let lastQuestion = 0;
  const send = (message: Fields): void => {
    channel.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  };
  const work = async (id: unknown, { name, rounds }: Fields): Promise<void> => {
    let isCancelled = false;
    calls.set(id, () => isCancelled = true);
    for (let step = 0; step <= Number(rounds) && !isCancelled; step++) {
      effects.push(`${name} ${step}`);
      if (step === rounds) break;
      const question = `q${++lastQuestion}`;
      send({ id: question, method: "elicitation/create", params: FORM });
      const isAnswered = await new Promise<boolean>((resolve) => questions.set(question, resolve));
      if (!isAnswered) break;
    }
    calls.delete(id);
    send({ id, result: { content: [{ type: "text", text: "done" }] } });
  };
  channel.open({
    message: (text) => {
      const { id, method, params = {}, result }: WireMessage = JSON.parse(text);
      if (method === undefined) {
        questions.get(id)?.(result !== undefined);
        questions.delete(id);
        return;
      }
      if (method === "notifications/cancelled") return calls.get(params.requestId)?.();
      if (id === undefined) return;
      if (method === "initialize") {
        const { protocolVersion } = params;
        const serverInfo = { name: "earlier", version: "1" };
        send({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } });
      } else if (method === "tools/list") send({ id, result: { tools: [TOOL] } });
      else if (method === "tools/call") void work(id, params.arguments as Fields);
      else send({ id, error: { code: -32601, message: "unknown" } });
    },
    dropped: () => {},
    closed: () => questions.forEach((settle) => settle(false)),
  });
  return () => {
    for (const [requestId, settle] of questions) {
      send({ method: "notifications/cancelled", params: { requestId } });
      settle(false);
    }
  };
}

/**
 * Serves the same tool in revision 2026-07-28. It runs whatever it is sent, except for steps of `earlierEffects`: a
 * gateway that was restarted does not know which states it has passed on before, so the server has to.
 */
function serveStateless(
  channel: Channel,
  effects: Effects,
  earlierEffects: ReadonlySet<string>,
): () => void {
  const reply = (id: unknown, result: Fields): void => {
    channel.send(
      JSON.stringify({ jsonrpc: "2.0", id, result: { resultType: "complete", ...result } }),
    );
  };
  channel.open({
    message: (text) => {
      const { id, method, params = {} }: WireMessage = JSON.parse(text);
      if (id === undefined) return;
      const caching = { ttlMs: 60_000, cacheScope: "private" };
      if (method === "server/discover") {
        reply(id, { supportedVersions: ["2026-07-28"], capabilities: { tools: {} }, ...caching });
      } else if (method === "tools/list") reply(id, { tools: [TOOL], ...caching });
      else if (method === "tools/call") {
        const { name, rounds } = params.arguments as Fields;
        const step = Number(params.requestState ?? 0);
        if (earlierEffects.has(`${name} ${step}`)) {
          return reply(id, { content: [{ type: "text", text: "used" }], isError: true });
        }
        effects.push(`${name} ${step}`);
        const form = { method: "elicitation/create", params: FORM };
        reply(
          id,
          step < Number(rounds)
            ? {
              resultType: "input_required",
              inputRequests: { [`form${step}`]: form },
              requestState: String(step + 1),
            }
            : { content: [{ type: "text", text: "done" }] },
        );
      } else {
        const error = { code: -32601, message: "unknown" };
        channel.send(JSON.stringify({ jsonrpc: "2.0", id, error }));
      }
    },
    dropped: () => {},
    closed: () => {},
  });
  return () => {};
}

/** The servers by name. */
const SERVERS: Readonly<Record<string, typeof serveStateless>> = {
  earlier: serveEarlier,
  stateless: serveStateless,
};

/** A gateway in this process, with a server of each era and two clients. */
export class InteractionGateway implements AsyncDisposable {
  readonly #folder = new TestFolder();
  readonly #log = createRecordingLog();
  readonly #limits = new CallLimits({ maxCalls: 1000, stateStore: "memory", log: this.#log });
  readonly #metrics = new Metrics();
  readonly #memory = new Budget(100_000_000);
  readonly #audit = new AuditTrail({
    path: this.#folder.pathOf("audit.jsonl"),
    fallbackPath: this.#folder.pathOf("audit.jsonl"),
    log: this.#log,
  });
  readonly #stateless: StatelessService;
  readonly #clients: { readonly session: ClientSession; readonly peer: Peer }[] = [];
  readonly #effects: Effects;
  readonly #withdrawals: (() => void)[] = [];
  #snapshot: Snapshot | undefined;

  private constructor(effects: Effects, stateKey: string) {
    this.#effects = effects;
    this.#stateless = new StatelessService({
      settings: { stateKey, stateTtlS: 600 },
      version: "1",
      metrics: this.#metrics,
      log: this.#log,
    });
  }

  static async open(effects: Effects, stateKey: string): Promise<InteractionGateway> {
    const gateway = new InteractionGateway(effects, stateKey);
    const rules = { agents: { a: { allow: { servers: ["*"] }, limits: { concurrent: 50 } } } };
    const configuration = await readConfiguration(rules);
    const earlierEffects = new Set(effects);
    const servers = new Map(Object.keys(SERVERS).map((name) => [name, createConfig(name)]));
    gateway.#snapshot = buildSnapshot({ ...configuration, servers }, {
      version: "1",
      log: gateway.#log,
      open: ({ name }) => {
        const [gatewayChannel, serverChannel] = createMemoryChannels();
        const serve = SERVERS[name] ?? assert.fail();
        const withdraw = serve(serverChannel, gateway.#effects, earlierEffects);
        gateway.#withdrawals.push(withdraw);
        return Promise.resolve({
          channel: gatewayChannel,
          readLastOutput: () => Promise.resolve(""),
          kill: () => void gatewayChannel.close(),
          end: () => gatewayChannel.close(),
        });
      },
    });
    gateway.#connect(gateway.#snapshot);
    gateway.#connect(gateway.#snapshot);
    return gateway;
  }

  /** Sends a request of a client. */
  async send(client: number, params: Fields, signal?: AbortSignal): Promise<Fields> {
    const { peer } = this.#clients[client] ?? assert.fail();
    const options = signal === undefined ? {} : { signal };
    const reply = await peer.request("tools/call", params, options);
    return reply.ok ? reply.result.value as Fields : { error: reply.error };
  }

  /** Makes the servers withdraw their questions, whose calls end then. */
  async withdrawQuestions(): Promise<void> {
    for (const withdraw of this.#withdrawals) withdraw();
    await this.settle();
  }

  /** Waits until no call runs; calls that wait for their clients do not count. */
  async settle(): Promise<void> {
    await waitUntil("all calls have ended", () => this.#limits.callCount === 0);
    await new Promise((resolve) => setTimeout(resolve));
  }

  /** Ends the gateway, and checks that nothing is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stateless.close();
    for (const { session, peer } of this.#clients) {
      await session.end(0);
      await peer.close();
    }
    await waitUntil("all calls have ended", () => this.#limits.callCount === 0);
    await waitUntil("no call is parked", () => this.#stateless.waitingCount === 0);
    const gracePeriods = { afterInputCloseMs: 1000, afterTerminateMs: 1000 };
    for (const server of this.#snapshot?.servers.values() ?? []) {
      await server.close(0, gracePeriods);
    }
    await this.#limits.close();
    await this.#audit.close();
    this.#folder[Symbol.dispose]();
    assert.equal(this.#metrics.parked.waiting, 0);
    // A request that was cancelled is released when its operation has ended.
    await waitUntil("no memory is held", () => this.#memory.used === 0);
  }

  #connect(snapshot: Snapshot): void {
    const log = this.#log;
    const [gatewayChannel, clientChannel] = createMemoryChannels();
    const session: ClientSession = new ClientSession(gatewayChannel, {
      memory: () => this.#memory,
      stateless: () => Promise.resolve(this.#stateless),
      tools: gatewayTools({ debug: false }),
      version: "1",
      log,
      context: () =>
        withoutMailbox({
          snapshot,
          identity: { bound: "a", defaultAgent: undefined },
          limits: this.#limits,
          records: { audit: this.#audit, metrics: this.#metrics, auditArgs: "none" },
          tracer: NO_TRACER,
          transport: "stdio",
          face: "meta",
          maxNameLength: 64,
          log,
          gateway: { status: () => ({}) },
        }),
      onInitialized: () => {},
      onLogLevel: () => {},
      onRootsChanged: () => {},
      onClosed: () => void session.end(0),
    });
    const peer = new Peer(clientChannel, {
      request: (request) => request.failUnknownMethod(),
      notification: () => {},
      unexpected: (description) => log.warn(description),
      closed: () => {},
    });
    this.#clients.push({ session, peer });
  }
}

function createConfig(name: string): ServerConfig {
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
      forward: ["elicitation"],
      inheritEnv: [],
    },
    secrets: [],
    fingerprint: name,
  };
}
