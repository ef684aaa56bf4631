import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentSession } from "../../e2e/agent_session.ts";
import {
  misbehavingServer,
  offeringServer,
  type RunningGateway,
  startGateway,
} from "../../e2e/gateway.ts";
import { HttpTransport } from "../../e2e/http_transport.ts";
import type { InitializeParams } from "../../e2e/raw_client.ts";
import { prepareShared } from "../../e2e/shared_gateway.ts";
import { plainItem } from "../../fixtures/servers/offers.ts";

/** Entries of `mcpServers`. */
export type Servers = Readonly<Record<string, unknown>>;

/** A transport between clients and the gateway, such as stdio. */
export interface ClientTransport {
  /** The transport's name in the titles of the tests. */
  readonly name: string;
  /** Titles of the tests that do not apply to the transport, each with the reason. */
  readonly deviations: Readonly<Record<string, string>>;
  /** Starts a gateway with these servers, bound to an agent that may use all of them. */
  start(servers: Servers): Promise<OpenTransport>;
}

/** A gateway to which clients connect. */
export interface OpenTransport extends AsyncDisposable {
  /** The JSON-RPC code of a resource that does not exist. */
  readonly notFoundCode: number;
  /**
   * Connects a client.
   *
   * @param client Parameters of `initialize`; `false` if the test initializes by itself.
   */
  connect(client?: InitializeParams | false): Promise<AgentSession>;
}

/** While this file exists, the server `other` starts, but answers nothing; it writes its process id to the file. */
export const WAIT_FILE: string = join(tmpdir(), `gateway-wait-${Deno.pid}`);

/** Servers of the gateway. Each starts at its first call. */
export const SERVERS = {
  odd: misbehavingServer(),
  other: misbehavingServer(`--wait-while=${WAIT_FILE}`),
  old: misbehavingServer("--revision=2024-11-05"),
  sampling: { ...misbehavingServer(), gateway: { forward: ["sampling"] } },
  impatient: { ...misbehavingServer(), gateway: { call_timeout_ms: 1000 } },
};

/** Servers with equal resources, templates and prompts; all requests to the last take too long. */
export const OFFERING_SERVERS = {
  odd: misbehavingServer(),
  first: offeringServer("--name=first"),
  second: offeringServer("--name=second"),
  hasty: {
    ...offeringServer(
      "--name=hasty",
      `--resources=${JSON.stringify([plainItem("resources", "hasty://hang")])}`,
      "--templates=[]",
      `--prompts=${JSON.stringify([plainItem("prompts", "hang")])}`,
    ),
    gateway: { call_timeout_ms: 1000 },
  },
};

/** The JSON-RPC code of a resource that does not exist, in the revisions that have sessions. */
export const NOT_FOUND = -32002;

/** Arguments of the gateway. */
export const ARGS = ["--agent", "tester", "--init-strategy", "lazy"];

/** Standard input and output: a gateway process for each client. */
export const STDIO: ClientTransport = {
  name: "stdio",
  deviations: {},
  start: (servers) => {
    const gateways = new AsyncDisposableStack();
    return Promise.resolve({
      notFoundCode: NOT_FOUND,
      connect: async (client = {}) => {
        return gateways.use(
          await startGateway({ servers, args: ARGS, transport: "stdio", initialize: client }),
        );
      },
      [Symbol.asyncDispose]: () => gateways.disposeAsync(),
    });
  },
};

/** A relay for each client, which all lead to one daemon. */
export const SHARED: ClientTransport = {
  name: "a relay",
  deviations: {},
  start: async (servers) => {
    const shared = await prepareShared({ servers });
    return {
      notFoundCode: NOT_FOUND,
      connect: (client = {}) => shared.connect({ args: ARGS, initialize: client }),
      [Symbol.asyncDispose]: () => shared[Symbol.asyncDispose](),
    };
  },
};

/** Streamable HTTP: one gateway process for all clients. */
export const HTTP: ClientTransport = {
  name: "http",
  deviations: {
    "[protocol.framing] a message that arrives in chunks is read": "a request body is one message",
    "[protocol.too-long] a message above 64 MiB is skipped and answered with an error":
      "a request body has a lower limit, which tests/gateway/http checks",
  },
  start: async (servers) => {
    const gateway = await startGateway({
      servers,
      args: ARGS,
      transport: "http",
      initialize: false,
    });
    const transports: HttpTransport[] = [];
    return {
      notFoundCode: NOT_FOUND,
      connect: async (client = {}) => {
        const transport = createTransport(gateway);
        transports.push(transport);
        const session = new AgentSession(transport);
        if (client !== false) await session.client.initialize(client);
        return session;
      },
      [Symbol.asyncDispose]: async () => {
        for (const transport of transports) await transport.close();
        await gateway.end();
      },
    };
  },
};

function createTransport(gateway: RunningGateway): HttpTransport {
  return new HttpTransport({ url: gateway.url, stderr: () => gateway.program.stderr });
}
