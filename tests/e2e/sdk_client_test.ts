import { Client } from "@modelcontextprotocol/sdk/client";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type LibraryClient, runAgentSession, runAgentSessionOverHttp } from "./library_client.ts";

type Transport = Parameters<Client["connect"]>[0];

/** Connects a client of `@modelcontextprotocol/sdk`. */
async function connect(
  transport: Transport,
  endSession?: () => Promise<void>,
): Promise<LibraryClient> {
  const client = new Client({ name: "sdk", version: "1" });
  await client.connect(transport);
  return {
    instructions: () => client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    callTool: (name, args, options) => {
      return client.callTool({ name, arguments: args }, undefined, options);
    },
    close: async () => {
      await endSession?.();
      await client.close();
    },
  };
}

Deno.test({
  name: "[protocol.sdk-1] a client of @modelcontextprotocol/sdk 1.x works",
  // The client's close() leaves a timer of 2 s, which would send SIGTERM if the gateway still ran.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await runAgentSession((launch) =>
      connect(new StdioClientTransport({ ...launch, stderr: "ignore" }))
    );
  },
});

Deno.test({
  name: "[http.clients] a client of @modelcontextprotocol/sdk 1.x works over HTTP",
  // The client does not clear the timers of its calls, and does not read its streams to their end.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await runAgentSessionOverHttp((url) => {
      const transport = new StreamableHTTPClientTransport(url);
      return connect(transport as Transport, () => transport.terminateSession());
    });
  },
});
