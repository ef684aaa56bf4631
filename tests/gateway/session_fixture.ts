import assert from "node:assert/strict";
import { Budget } from "../../src/budget.ts";
import { AuditTrail } from "../../src/audit/mod.ts";
import { checkConfiguration, type Configuration, locateFiles } from "../../src/config/mod.ts";
import type { PipelineContext } from "../../src/gateway/pipeline_context.ts";
import { ClientSession } from "../../src/gateway/session.ts";
import { buildSnapshot } from "../../src/gateway/snapshot.ts";
import { type InteractionsOptions, StatelessService } from "../../src/gateway/stateless/mod.ts";
import { type GatewayAnswer, type GatewayTool, gatewayTools } from "../../src/gateway/tools/mod.ts";
import { createMemoryChannels, Peer } from "../../src/jsonrpc/mod.ts";
import { CallLimits, type CallLimitsOptions } from "../../src/limits/mod.ts";
import { isFile } from "../../src/file_identity.ts";
import { Metrics } from "../../src/metrics/mod.ts";
import { NO_TRACER } from "../../src/trace.ts";
import { createRecordingLog, TestFolder } from "../audit/audit_log_fixtures.ts";
import { createEnvironment } from "../config/check_files.ts";
import { TempFolder } from "../config/temp_folder.ts";
import { waitUntil } from "../e2e/wait.ts";
import { withoutMailbox } from "./without_mailbox.ts";

/** The error of a tool call; empty if the call succeeded. */
export interface ErrorAnswer {
  readonly code?: string;
  readonly message?: string;
  readonly rule?: string;
  readonly hint?: string;
  readonly retry_after_ms?: number;
}

/** Options of a fixture. */
export interface SessionFixtureOptions {
  /** The agent to which the client's credential is bound. */
  readonly bound?: string;
  readonly transport?: PipelineContext["transport"];
  readonly limits?: Partial<CallLimitsOptions>;
  /** Options of the operations that ask their clients for input. */
  readonly interactions?: Partial<InteractionsOptions>;
  /** Entries of servers, which are never started; default: none. */
  readonly servers?: object;
  /** Further tools of the gateway. */
  readonly tools?: readonly GatewayTool[];
  /** The memory of each client, in bytes; default: no limit. */
  readonly maxMemory?: number;
}

/** Writes rules and entries of servers to files, and loads a configuration with them. */
export async function readConfiguration(
  rules: object,
  mcpServers: object = {},
): Promise<Configuration> {
  using folder = new TempFolder();
  folder.write("mcp.json", { mcpServers });
  folder.write("rules.json", rules);
  const fileFlags = { mcpConfig: "mcp.json", rules: "rules.json" };
  const files = locateFiles(fileFlags, { home: undefined, cwd: folder.path });
  const { configuration, errors } = await checkConfiguration(files, {
    env: createEnvironment({}),
    cwd: folder.path,
  });
  assert.ok(configuration !== undefined, JSON.stringify(errors));
  return configuration;
}

/** Sessions of clients in this process, with an additional tool `wait` whose calls the test ends. */
export class SessionFixture implements AsyncDisposable {
  readonly metrics = new Metrics();
  readonly limits: CallLimits;
  readonly log = createRecordingLog();
  /** The operations of all clients that may ask their clients for input. */
  readonly stateless: StatelessService;
  /** The log levels and changes of the roots that were passed on to the servers. */
  readonly passedOn: string[] = [];
  /** Functions that end the calls of `wait`, in the order of the calls. */
  readonly heldCalls: { end(answer?: GatewayAnswer): void; fail(error: Error): void }[] = [];
  readonly #folder = new TestFolder();
  readonly #audit: AuditTrail;
  readonly #options: SessionFixtureOptions;
  readonly #clients: { readonly session: ClientSession; readonly peer: Peer }[] = [];
  #configuration: Configuration;

  private constructor(configuration: Configuration, options: SessionFixtureOptions) {
    this.#configuration = configuration;
    this.#options = options;
    const { log } = this;
    const path = this.#folder.pathOf("audit.jsonl");
    this.#audit = new AuditTrail({ path, fallbackPath: path, log });
    this.limits = new CallLimits({
      maxCalls: 100_000,
      stateStore: "memory",
      log,
      ...options.limits,
    });
    this.stateless = new StatelessService({
      settings: { stateTtlS: 600 },
      version: "1",
      metrics: this.metrics,
      log,
      ...options.interactions,
    });
  }

  static async open(rules: object, options: SessionFixtureOptions = {}): Promise<SessionFixture> {
    const fixture = new SessionFixture(
      await readConfiguration(rules, options.servers),
      options,
    );
    fixture.addClient();
    return fixture;
  }

  /** Replaces the rules. */
  async reload(rules: object): Promise<void> {
    this.#configuration = await readConfiguration(rules);
  }

  /** Makes every decision about an agent fail with an error. */
  breakRulesOf(agent: string, error: Error): void {
    const { rules } = this.#configuration;
    const tools = new Map<string, string[]>();
    tools[Symbol.iterator] = () => {
      throw error;
    };
    const agentRules = rules.agents.get(agent) ?? { status: false, tokens: [] };
    const agents = new Map(rules.agents).set(agent, { ...agentRules, allow: { tools } });
    this.#configuration = { ...this.#configuration, rules: { ...rules, agents } };
  }

  /** Connects another client, and returns its number. */
  addClient(): number {
    const { bound, transport = "stdio", tools = [], maxMemory = Infinity } = this.#options;
    const memory = new Budget(maxMemory);
    const { log, limits, metrics } = this;
    const [gatewayChannel, clientChannel] = createMemoryChannels();
    const session = new ClientSession(gatewayChannel, {
      memory: () => memory,
      stateless: () => Promise.resolve(this.stateless),
      tools: new Map([
        ...gatewayTools({ debug: true }),
        ["wait", this.#waitTool()],
        ...tools.map((tool) => [tool.definition.name, tool] as const),
      ]),
      version: "1",
      log,
      context: () =>
        withoutMailbox({
          snapshot: buildSnapshot(
            this.#configuration,
            {
              version: "1",
              log,
              open: () => Promise.reject(new Error("No server is started here")),
            },
          ),
          identity: { bound, defaultAgent: undefined },
          limits,
          records: { audit: this.#audit, metrics, auditArgs: "none" },
          tracer: NO_TRACER,
          transport,
          face: "meta",
          maxNameLength: 64,
          log,
          gateway: { status: () => ({ message: "all is well" }) },
        }),
      onInitialized: () => {},
      onLogLevel: (_connection, level) => this.passedOn.push(level),
      onRootsChanged: () => this.passedOn.push("roots"),
      onClosed: () => session.end(0),
    });
    const peer = new Peer(clientChannel, {
      request: (request) => request.failUnknownMethod(),
      notification: () => {},
      unexpected: (description) => log.warn(description),
      closed: () => {},
    });
    return this.#clients.push({ session, peer }) - 1;
  }

  /** Calls a gateway tool; returns the error, or `{}`. */
  async call(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    callOptions: { readonly signal?: AbortSignal; readonly client?: number } = {},
  ): Promise<ErrorAnswer> {
    const { signal, client = 0 } = callOptions;
    const params = { name, arguments: args };
    const requestOptions = signal === undefined ? {} : { signal };
    const reply = await this.peer(client).request("tools/call", params, requestOptions);
    if (!reply.ok) return { code: String(reply.error.code), message: reply.error.message };
    const result = reply.result.value as { isError?: boolean; content: { text: string }[] };
    return result.isError === true ? JSON.parse(result.content[0]?.text ?? "").error : {};
  }

  /**
   * Starts a call of `wait`, and resolves when it runs. The promise of the answer is in a list, so that
   * `await` does not wait for the answer.
   */
  async startHeldCall(
    agent_id: string,
    callOptions?: { readonly signal?: AbortSignal; readonly client?: number },
  ): Promise<Promise<ErrorAnswer>[]> {
    const previousCount = this.heldCalls.length;
    const answer = this.call("wait", { agent_id }, callOptions);
    // Only the test that awaits the answer handles a failure.
    answer.catch(() => {});
    await waitUntil("the call runs", () => this.heldCalls.length > previousCount);
    return [answer];
  }

  /** Returns the names of the tools that the first client sees. */
  async toolNames(): Promise<string[]> {
    const reply = await this.peer(0).request("tools/list", {});
    assert.ok(reply.ok);
    return (reply.result.value as { tools: { name: string }[] }).tools.map(({ name }) => name);
  }

  /** Returns the client's side of a connection. */
  peer(client: number): Peer {
    const { peer } = this.#clients[client] ?? assert.fail();
    return peer;
  }

  /** Returns the entries of the audit log, and those of refusals, in the order of their times. */
  readAuditEntries(): Readonly<Record<string, unknown>>[] {
    this.#audit.flush();
    const texts = ["audit.jsonl", "audit.refused.jsonl"].map((name) => {
      const path = this.#folder.pathOf(name);
      return isFile(path) ? Deno.readTextFileSync(path) : "";
    });
    return texts.join("").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
      .sort((one, two) => Date.parse(one.timestamp) - Date.parse(two.timestamp));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { end } of this.heldCalls) end();
    this.stateless.close();
    for (const { session, peer } of this.#clients) {
      await session.end(1000);
      await peer.close();
    }
    await this.limits.close();
    this.#audit.close();
    this.#folder[Symbol.dispose]();
    assert.equal(this.limits.callCount, 0, "A call is still counted as active");
  }

  #waitTool(): GatewayTool {
    return {
      definition: {
        name: "wait",
        description: "",
        inputSchema: { type: "object", properties: { agent_id: { type: "string" } } },
        annotations: {},
        _meta: {},
      },
      run: (_args, { signal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<GatewayAnswer>();
        signal.addEventListener("abort", () => reject(signal.reason));
        const end = (answer: GatewayAnswer = { kind: "gateway-result", json: "{}" }): void =>
          resolve(answer);
        this.heldCalls.push({ end, fail: reject });
        return promise;
      },
    };
  }
}
