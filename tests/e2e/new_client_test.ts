import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { type LibraryClient, runAgentSession, runAgentSessionOverHttp } from "./library_client.ts";

type Transport = Parameters<Client["connect"]>[0];

async function connect(
  transport: Transport,
  { leave, probes = false }: { leave?: () => Promise<void>; probes?: boolean } = {},
): Promise<LibraryClient> {
  const options = probes ? { versionNegotiation: { mode: "auto" as const } } : {};
  const client = new Client({ name: "client", version: "1" }, options);
  await client.connect(transport);
  return {
    instructions: () => client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    callTool: (name, args, options) => client.callTool({ name, arguments: args }, options),
    close: async () => {
      await leave?.();
      await client.close();
    },
  };
}

Deno.test({
  name: "[protocol.sdk-2] a client of @modelcontextprotocol/client 2.x works",
  // Its close() leaves the 2 s timer after which it would have sent SIGTERM.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await runAgentSession((launch) =>
      connect(new StdioClientTransport({ ...launch, stderr: "ignore" }))
    );
  },
});

for (const probes of [false, true]) {
  Deno.test({
    name: "[http.clients] a client of @modelcontextprotocol/client 2.x works over HTTP" +
      (probes ? ", one that asks for a later revision first" : ""),
    // It leaves timers of its calls, and parts of its streams.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await runAgentSessionOverHttp((url) => {
        const transport = new StreamableHTTPClientTransport(url);
        return connect(transport, { leave: () => transport.terminateSession(), probes });
      });
    },
  });
}
