import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { AgentSession } from "./agent_session.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { HttpTransport } from "./http_transport.ts";
import type { Fields, InitializeParams } from "./raw_client.ts";

const MARKER = "marker-of-a";
const SERVER = fileURLToPath(new URL("../fixtures/servers/marked_server.ts", import.meta.url));
const ROOTS: InitializeParams = { capabilities: { roots: {} } };

/** An agent of the gateway that sends any request and remembers all text that it reads. */
class Tenant {
  readonly agent: string;
  readonly session: AgentSession;
  /** The answers to its requests; over HTTP, every message. */
  readonly readTexts: string[] = [];

  constructor(agent: string, session: AgentSession) {
    this.agent = agent;
    this.session = session;
  }

  /** Calls a gateway tool, with a progress token. */
  async call(name: string, args: Fields = {}): Promise<string> {
    const progressToken = `token-${this.agent}`;
    const params = { name, arguments: { agent_id: this.agent, ...args }, _meta: { progressToken } };
    const { text } = await this.session.client.requestText("tools/call", JSON.stringify(params));
    this.readTexts.push(text);
    return text;
  }

  /** Sets the marker at the agent's server. */
  async mark(args: Fields): Promise<void> {
    const text = await this.callTool("mark", { marker: MARKER, ...args });
    assert.match(text, new RegExp(MARKER));
  }

  /** Calls a server's tool. */
  async callTool(tool: string, args: Fields = {}): Promise<string> {
    return await this.call("execute_tool", { server: "marked", tool, args });
  }

  /** Uses all that shows something of a server. */
  async useEverything(): Promise<void> {
    await this.call("list_servers");
    for (
      const detail of [
        {},
        { detail: "types" },
        { detail: "signatures" },
        { detail: "names" },
        { names: "plain,x" },
      ]
    ) {
      await this.call("get_server_tools", { server: "marked", ...detail });
    }
    await this.call("get_server_tools", { query: "plain tool", detail: "full" });
    assert.match(await this.callTool("plain"), /"plain"/);
    assert.match(await this.callTool(`tool_${MARKER.slice(0, -1)}`), /TOOL_NOT_FOUND/);
    assert.match(await this.callTool("plain"), /"plain"/);
    const { text } = await this.session.client.requestText("tools/list", "{}");
    this.readTexts.push(text);
  }

  /** Returns the texts with the marker. */
  get markedTexts(): string[] {
    return this.readTexts.filter((text) => text.includes(MARKER));
  }
}

interface TenantsOptions {
  readonly isolation: string;
  readonly transport: "stdio" | "http";
  /** Parameters of the clients' `initialize`. */
  readonly initialize?: InitializeParams;
  /** Arguments of the server. */
  readonly serverArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A gateway with the agents `a` and `b`, and the server `marked`. */
class Tenants implements AsyncDisposable {
  readonly gateway: RunningGateway;
  readonly #options: TenantsOptions;
  readonly #transports: HttpTransport[] = [];

  constructor(gateway: RunningGateway, options: TenantsOptions) {
    this.gateway = gateway;
    this.#options = options;
  }

  static async start(options: TenantsOptions): Promise<Tenants> {
    const { isolation, transport, initialize, serverArgs = [], env = {} } = options;
    const allow = { servers: ["marked"] };
    const agents = {
      a: { allow, token_sha256: [sha256("amg_a")], status: true },
      b: { allow, token_sha256: [sha256("amg_b")], status: true },
    };
    const marked = {
      command: Deno.execPath(),
      args: ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", SERVER, ...serverArgs],
      gateway: { isolation },
    };
    const gateway = await startGateway({
      servers: { marked },
      rules: { agents },
      env,
      transport,
      initialize: transport === "http" ? false : initialize ?? {},
    });
    return new Tenants(gateway, options);
  }

  /** Connects an agent: over HTTP with its token, over stdio by `agent_id`. */
  async connect(agent: string, initialize = this.#options.initialize): Promise<Tenant> {
    if (this.#options.transport === "stdio") return new Tenant(agent, this.gateway);
    const headers = { authorization: `Bearer amg_${agent}` };
    const transport = new HttpTransport({ url: this.gateway.url, headers });
    this.#transports.push(transport);
    const session = new AgentSession(transport);
    session.client.setRequestHandler("roots/list", () => {
      return { roots: [{ uri: "file:///x", name: agent === "a" ? MARKER : "root of b" }] };
    });
    const tenant = new Tenant(agent, session);
    const onLine = transport.onLine;
    transport.onLine = (line) => {
      tenant.readTexts.push(line);
      onLine(line);
    };
    await session.client.initialize(initialize);
    return tenant;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const transport of this.#transports) await transport.close();
    await this.gateway[Symbol.asyncDispose]();
  }
}

/** Isolations under which the agents do not share a session with the server. */
const CASES: readonly TenantsOptions[] = [
  { transport: "http", isolation: "session" },
  { transport: "http", isolation: "agent" },
  { transport: "http", isolation: "call" },
  { transport: "stdio", isolation: "agent" },
  { transport: "stdio", isolation: "call" },
];

for (const options of CASES) {
  const { transport, isolation } = options;
  for (const list of ["notified", "silent"]) {
    Deno.test(`[tenants.lists] over ${transport} with isolation ${isolation}, another agent reads nothing that an agent's call put into its session, its list of tools included (${list} change)`, async () => {
      await using tenants = await Tenants.start(options);
      const a = await tenants.connect("a");
      const [earlyB, idleB] = [await tenants.connect("b"), await tenants.connect("b")];
      await earlyB.useEverything();
      await a.useEverything();
      await a.mark({ list });
      // A call of an unknown tool fetches the list again.
      if (list === "silent") await a.callTool("unknown");
      const listOfA = await a.call("get_server_tools", { server: "marked" });
      const lateB = await tenants.connect("b");
      for (const b of [earlyB, idleB, lateB]) {
        await b.useEverything();
        assert.deepEqual(b.markedTexts, []);
      }
      if (isolation === "call") return;
      // The agent itself sees its list, and the lists of others do not replace it.
      assert.match(listOfA, new RegExp(`tool_${MARKER}`));
      assert.equal(
        withoutId(await a.call("get_server_tools", { server: "marked" })),
        withoutId(listOfA),
      );
      assert.match(await a.callTool(`tool_${MARKER}`), /"plain"/);
    });
  }
}

for (const transport of ["http", "stdio"] as const) {
  Deno.test(`[tenants.lists] over ${transport} with isolation shared, errors, log messages, progress and output of an agent's call reach no other agent`, async () => {
    await using tenants = await Tenants.start({ transport, isolation: "shared" });
    const [a, b] = [await tenants.connect("a"), await tenants.connect("b")];
    await b.useEverything();
    await a.mark({});
    await b.useEverything();
    assert.deepEqual(b.markedTexts, []);
  });
}

Deno.test("[tenants.lists] a list of tools that depends on a client's roots is shown to that client only", async () => {
  await using tenants = await Tenants.start({
    transport: "http",
    isolation: "session",
    initialize: ROOTS,
  });
  const a = await tenants.connect("a");
  await a.call("get_server_tools", { server: "marked" });
  assert.notDeepEqual(a.markedTexts, []);
  const b = await tenants.connect("b");
  await b.useEverything();
  assert.deepEqual(b.markedTexts, []);
  assert.ok(b.readTexts.some((text) => text.includes("root of b")));
});

Deno.test("[tenants.starts] a text that a client puts into its capabilities reaches no server and no other agent", async () => {
  await using tenants = await Tenants.start({ transport: "http", isolation: "shared" });
  for (let index = 0; index < 6; index++) {
    const text = `${MARKER} ${index}`;
    const capabilities = {
      elicitation: { form: text, [text]: {} },
      roots: { text },
      sampling: text,
    };
    const a = await tenants.connect("a", { capabilities });
    assert.match(await a.callTool("plain"), /"plain"/);
  }
  const b = await tenants.connect("b", { capabilities: { elicitation: {}, roots: {} } });
  await b.useEverything();
  assert.deepEqual(b.markedTexts, []);
});

Deno.test("[tenants.starts] an agent whose client makes the starts of its sessions fail neither refuses the starts of another agent nor is quoted to it", async () => {
  await using tenants = await Tenants.start({
    transport: "http",
    isolation: "session",
    initialize: ROOTS,
    serverArgs: ["roots-first"],
    env: { GATEWAY_DEBUG: "1" },
  });
  const a = await tenants.connect("a");
  for (let start = 0; start < 5; start++) {
    assert.match(await a.callTool("plain"), /SERVER_UNAVAILABLE.*marker-of-a/);
  }
  assert.match(await a.callTool("plain"), /failed to start several times in a row/);
  const b = await tenants.connect("b", { capabilities: { roots: {} } });
  assert.match(await a.call("get_gateway_status"), /last_error.*marker-of-a/);
  assert.match(await b.call("get_gateway_status"), /last_error/);
  assert.match(await b.callTool("plain"), /"plain"/);
  assert.deepEqual(b.markedTexts, []);
});

Deno.test("[tenants.status] an agent reads in the status no failure of another agent's call", async () => {
  await using tenants = await Tenants.start({
    transport: "http",
    isolation: "shared",
    env: { GATEWAY_DEBUG: "1" },
  });
  const [a, b] = [await tenants.connect("a"), await tenants.connect("b")];
  const failure = await a.callTool("incomplete", { marker: MARKER });
  assert.match(failure, /SERVER_UNAVAILABLE.*marker-of-a/);
  assert.match(await a.call("get_gateway_status"), /last_error.*marker-of-a/);
  assert.match(await b.call("get_gateway_status"), /last_error\\":null/);
  assert.deepEqual(b.markedTexts, []);
});

Deno.test("[tenants.status] every agent reads in the status that a server that agents share does not start", async () => {
  await using tenants = await Tenants.start({
    transport: "http",
    isolation: "shared",
    serverArgs: ["stop"],
    env: { GATEWAY_DEBUG: "1" },
  });
  const [a, b] = [await tenants.connect("a"), await tenants.connect("b")];
  assert.match(await a.callTool("plain"), /SERVER_UNAVAILABLE/);
  assert.match(await b.call("get_gateway_status"), /last_error\\":\\"Server .*is not available/);
});

/** Removes the id of an answer. */
function withoutId(text: string): string {
  return text.replace(/"id":\d+/, "");
}
