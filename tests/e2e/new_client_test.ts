import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { type LibraryClient, runAgentSession, runAgentSessionOverHttp } from "./library_client.ts";

type Transport = Parameters<Client["connect"]>[0];

/** Connects a client of `@modelcontextprotocol/client`; with `asksLaterRevision`, the client asks for a later revision of MCP first. */
async function connect(
  transport: Transport,
  { endSession, asksLaterRevision = false }: {
    endSession?: () => Promise<void>;
    asksLaterRevision?: boolean;
  } = {},
): Promise<LibraryClient> {
  const options = asksLaterRevision ? { versionNegotiation: { mode: "auto" as const } } : {};
  const client = new Client({ name: "client", version: "1" }, options);
  await client.connect(transport);
  return {
    instructions: () => client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    callTool: (name, args, options) => client.callTool({ name, arguments: args }, options),
    close: async () => {
      await endSession?.();
      await client.close();
    },
  };
}

Deno.test({
  name: "[protocol.sdk-2] a client of @modelcontextprotocol/client 2.x works",
  // The client's close() leaves a timer of 2 s, which would send SIGTERM if the gateway still ran.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await runAgentSession((launch) =>
      connect(new StdioClientTransport({ ...launch, stderr: "ignore" }))
    );
  },
});

for (const asksLaterRevision of [false, true]) {
  Deno.test({
    name: "[http.clients] a client of @modelcontextprotocol/client 2.x works over HTTP" +
      (asksLaterRevision ? ", also if it asks for a later revision first" : ""),
    // The client does not clear the timers of its calls, and does not read its streams to their end.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await runAgentSessionOverHttp((url) => {
        const transport = new StreamableHTTPClientTransport(url);
        return connect(transport, {
          endSession: () => transport.terminateSession(),
          asksLaterRevision,
        });
      });
    },
  });
}
