/** The official clients in each of their modes, with servers of both eras behind the gateway. */
import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describeStdioServer, type EraServer, readEffects } from "./eras_servers.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { startGateway } from "./gateway.ts";
import type { Fields } from "./raw_client.ts";
import { Setup } from "./setup.ts";

/** The modes in which a client finds out the revision of its server. */
const MODES = {
  legacy: undefined,
  auto: { mode: "auto" },
  modern: { mode: { pin: "2026-07-28" } },
} as const;

type Transport = Parameters<Client["connect"]>[0];

/** Uses both servers with a client, whose person answers a form. */
async function checkClient(
  mode: keyof typeof MODES,
  transport: Transport,
  servers: readonly EraServer[],
): Promise<void> {
  const versionNegotiation = MODES[mode];
  const client = new Client({ name: "official", version: "1" }, {
    capabilities: { elicitation: { form: {} }, roots: {} },
    ...(versionNegotiation === undefined ? {} : { versionNegotiation }),
  });
  client.setRequestHandler("elicitation/create", () => {
    return { action: "accept", content: { name: "Ada" } };
  });
  client.setRequestHandler("roots/list", () => ({ roots: [{ uri: "file:///project" }] }));
  await client.connect(transport);
  try {
    assert.equal((await client.listTools()).tools.length, 3);
    for (const { name } of servers) {
      const call = async (tool: string, args: Fields = {}) => {
        const id = `${mode}-${tool}`;
        return await client.callTool({
          name: "execute_tool",
          arguments: { server: name, tool, args: { id, ...args } },
        });
      };
      const [block] = (await call("several")).content;
      const { responses } = JSON.parse(block?.type === "text" ? block.text : "");
      assert.deepEqual(responses, {
        form: { action: "accept", content: { name: "Ada" } },
        roots: { roots: [{ uri: "file:///project" }] },
      });
      assert.equal((await call("rounds", { count: 3 })).isError, undefined);
      const { contents } = await client.readResource({ uri: `${name}://ask` });
      assert.match(JSON.stringify(contents), /Ada/);
      const { messages } = await client.getPrompt({ name: `${name}__ask` });
      assert.match(JSON.stringify(messages), /Ada/);
    }
    for (const server of servers) {
      const id = `${mode}-several`;
      assert.deepEqual(readEffects(server, id), [
        `effect several before ${id}`,
        `effect several after ${id}`,
      ]);
    }
  } finally {
    await client.close();
  }
}

/** Servers of both eras, and their journals in a folder. */
class OfficialFixture implements Disposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly servers: readonly EraServer[] = (["earlier", "stateless"] as const).map((era) => {
    return describeStdioServer(era, this.#folder);
  });
  readonly entries: Fields = Object.fromEntries(
    this.servers.map(({ name, entry }) => [name, entry]),
  );

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

for (const mode of ["legacy", "auto", "modern"] as const) {
  Deno.test({
    name: `[eras.official] a client of @modelcontextprotocol/client 2.x in mode ${mode} over stdio`,
    // The client's close() leaves a timer of 2 s, which would send SIGTERM if the gateway still ran.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      using fixture = new OfficialFixture();
      const setup = new Setup({ servers: fixture.entries });
      const [command, ...args] = await gatewayCommandLine(GATEWAY_COMMAND);
      const transport = new StdioClientTransport({
        command,
        args: [...args, "--agent", "tester"],
        cwd: setup.workingFolder,
        env: setup.env,
        stderr: "ignore",
      });
      try {
        await checkClient(mode, transport, fixture.servers);
      } finally {
        await setup.close();
      }
    },
  });

  Deno.test({
    name: `[eras.official] a client of @modelcontextprotocol/client 2.x in mode ${mode} over HTTP`,
    // The client does not clear the timers of its calls, and does not read its streams to their end.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      using fixture = new OfficialFixture();
      await using gateway = await startGateway({
        transport: "http",
        initialize: false,
        args: ["--agent", "tester"],
        servers: fixture.entries,
      });
      const transport = new StreamableHTTPClientTransport(new URL(gateway.url));
      await checkClient(mode, transport, fixture.servers);
    },
  });
}
