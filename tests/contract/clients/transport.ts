import { AgentSession } from "../../e2e/agent_session.ts";
import { oddServer, type RunningGateway, startGateway } from "../../e2e/gateway.ts";
import { HttpTransport } from "../../e2e/http_transport.ts";
import type { InitializeParams } from "../../e2e/raw_client.ts";

/** A transport for clients, such as standard input. */
export interface ClientTransport {
  /** The name in the tests' names. */
  readonly name: string;
  /** Titles of tests that do not apply here, each with the reason. */
  readonly deviations: Readonly<Record<string, string>>;
  /** Starts a gateway with `SERVERS` that is bound to an agent which may use all of them. */
  start(): Promise<OpenTransport>;
}

/** A gateway to which clients connect. */
export interface OpenTransport extends AsyncDisposable {
  /**
   * Connects a client.
   *
   * @param client Parameters of `initialize`; `false` if the test initializes by itself.
   */
  connect(client?: InitializeParams | false): Promise<AgentSession>;
}

/** Servers of the gateway; each starts when it is first called. */
export const SERVERS = {
  odd: oddServer(),
  other: oddServer(),
  old: oddServer("--revision=2024-11-05"),
  sampling: { ...oddServer(), gateway: { forward: ["sampling"] } },
  impatient: { ...oddServer(), gateway: { call_timeout_ms: 1000 } },
};

const OPTIONS = { servers: SERVERS, args: ["--agent", "tester", "--init-strategy", "lazy"] };

/** Standard input and output: a process for each client. */
export const STDIO: ClientTransport = {
  name: "stdio",
  deviations: {},
  start: () => {
    const gateways = new AsyncDisposableStack();
    return Promise.resolve({
      connect: async (client = {}) => {
        return gateways.use(await startGateway({ ...OPTIONS, transport: "stdio", client }));
      },
      [Symbol.asyncDispose]: () => gateways.disposeAsync(),
    });
  },
};

/** Streamable HTTP: one process for all clients. */
export const HTTP: ClientTransport = {
  name: "http",
  deviations: {
    "[protocol.framing] a message that arrives in chunks": "a body is a message",
    "[protocol.too-long] a message above 64 MiB is skipped, and answered":
      "a body above its own limit is refused with 413, as tests/gateway/http checks",
  },
  start: async () => {
    const gateway = await startGateway({ ...OPTIONS, transport: "http", client: false });
    const wires: HttpTransport[] = [];
    return {
      connect: async (client = {}) => {
        const wire = openWire(gateway);
        wires.push(wire);
        const session = new AgentSession(wire);
        if (client !== false) await session.client.initialize(client);
        return session;
      },
      [Symbol.asyncDispose]: async () => {
        for (const wire of wires) await wire.close();
        await gateway.end();
      },
    };
  },
};

function openWire(gateway: RunningGateway): HttpTransport {
  return new HttpTransport({ url: gateway.url, stderr: () => gateway.program.stderr });
}
