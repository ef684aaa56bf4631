import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { AgentSession } from "./agent_session.ts";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { HttpTransport } from "./http_transport.ts";
import type { InitializeParams } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

/** Starts a gateway over HTTP with the agents `a` and `b`, and the server `odd`. */
async function startSharedGateway(
  options: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningGateway> {
  const allow = { servers: ["odd"] };
  return await startGateway({
    servers: { odd: { ...misbehavingServer(), gateway: options } },
    rules: {
      agents: {
        a: { allow, token_sha256: [sha256("amg_a")] },
        b: { allow, token_sha256: [sha256("amg_b")] },
      },
    },
    args: ["--init-strategy", "lazy"],
    transport: "http",
    initialize: false,
    env,
  });
}

/** The open client connections of agents, which are closed at the end. */
class Connections implements AsyncDisposable {
  readonly #gateway: RunningGateway;
  readonly #transports: HttpTransport[] = [];

  constructor(gateway: RunningGateway) {
    this.#gateway = gateway;
  }

  async open(agent: string, initialize?: InitializeParams): Promise<AgentSession> {
    const headers = { authorization: `Bearer amg_${agent}` };
    const transport = new HttpTransport({ url: this.#gateway.url, headers });
    this.#transports.push(transport);
    const session = new AgentSession(transport);
    await session.client.initialize(initialize);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const transport of this.#transports) await transport.close();
  }
}

/** Starts a call that the server does not answer. */
function startWaiting(session: AgentSession): void {
  session.callServerTool("odd", "wait").catch(() => {});
}

Deno.test("[tenants.processes] clients whose capabilities differ only in what MCP does not define share a process", async () => {
  await using gateway = await startSharedGateway({ isolation: "shared" });
  await using connections = new Connections(gateway);
  const pids = new Set<string>();
  for (let index = 0; index < 4; index++) {
    const capabilities = { elicitation: { form: { index }, [`x${index}`]: {} } };
    const session = await connections.open("a", { capabilities });
    pids.add(await session.callServerToolForText("odd", "pid"));
  }
  assert.equal(pids.size, 1);
});

Deno.test("[tenants.processes] when all processes are used, the longest idle session of the agent with the most is ended for another agent", async () => {
  const env = { GATEWAY_MAX_PROCESSES: "4" };
  await using gateway = await startSharedGateway({ isolation: "session" }, env);
  await using connections = new Connections(gateway);
  const b = await connections.open("b");
  const pidOfB = await b.callServerToolForText("odd", "pid");
  const sessions: AgentSession[] = [];
  for (let index = 0; index < 6; index++) {
    const session = await connections.open("a");
    await session.callServerToolForText("odd", "pid");
    sessions.push(session);
  }
  // The agent's own idle sessions were ended, not the one of the other agent.
  assert.equal(await b.callServerToolForText("odd", "pid"), pidOfB);
  const anotherB = await connections.open("b");
  await anotherB.callServerToolForText("odd", "pid");
  assert.equal(await b.callServerToolForText("odd", "pid"), pidOfB);
  // An ended session starts again.
  await sessions[0]?.callServerToolForText("odd", "pid");
});

Deno.test("[tenants.processes] an agent whose calls do not end cannot take the last process", async () => {
  const env = { GATEWAY_MAX_PROCESSES: "4" };
  await using gateway = await startSharedGateway({ isolation: "session" }, env);
  await using connections = new Connections(gateway);
  for (let index = 0; index < 3; index++) {
    const session = await connections.open("a");
    await session.callServerToolForText("odd", "pid");
    startWaiting(session);
    await waitUntil("the call reaches its server", async () => {
      return await session.callServerToolForText("odd", "waiting") === "1";
    });
  }
  const refusal = await (await connections.open("a")).expectRefusal("execute_tool", {
    server: "odd",
    tool: "pid",
  });
  assert.equal(refusal.code, "SERVER_UNAVAILABLE");
  assert.match(refusal.message, /the agent uses its share of the gateway's 4 server processes/);
  const b = await connections.open("b");
  assert.match(await b.callServerToolForText("odd", "pid"), /^\d+$/);
});

Deno.test("[tenants.calls] an agent whose calls do not end cannot take the last active call of the gateway", async () => {
  await using gateway = await startSharedGateway({}, { GATEWAY_MAX_CALLS: "4" });
  await using connections = new Connections(gateway);
  const [a, b] = [await connections.open("a"), await connections.open("b")];
  await waitUntil("the agent has its share of the calls", async () => {
    startWaiting(a);
    return (await a.callGatewayTool("list_servers", {})).isError === true;
  });
  const refusal = await a.expectRefusal("list_servers", {});
  assert.equal(refusal.code, "RATE_LIMITED");
  assert.match(refusal.message, /already has 3 active calls, its share of the 4 that all agents/);
  assert.match(await b.callServerToolForText("odd", "pid"), /^\d+$/);
});

Deno.test("[tenants.slots] an agent whose calls do not end cannot take the last slot of a shared session", async () => {
  await using gateway = await startSharedGateway({ isolation: "shared", max_concurrency: 4 });
  await using connections = new Connections(gateway);
  const [a, b] = [await connections.open("a"), await connections.open("b")];
  for (let call = 0; call < 8; call++) startWaiting(a);
  await waitUntil("the agent has its share of the slots", async () => {
    return await b.callServerToolForText("odd", "waiting") === "3";
  });
  assert.match(await b.callServerToolForText("odd", "pid"), /^\d+$/);
});
