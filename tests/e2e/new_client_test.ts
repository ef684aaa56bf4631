import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { playAgent } from "./play_agent.ts";

Deno.test({
  name: "[protocol.sdk-2] a client of @modelcontextprotocol/client 2.x works",
  // Its close() leaves the timer of 2 s behind after which it would have sent SIGTERM.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await playAgent(async (launch) => {
      const client = new Client({ name: "client", version: "1" });
      await client.connect(new StdioClientTransport({ ...launch, stderr: "ignore" }));
      return {
        instructions: () => client.getInstructions(),
        listTools: async () => (await client.listTools()).tools,
        callTool: (name, args, options) => client.callTool({ name, arguments: args }, options),
        close: () => client.close(),
      };
    });
  },
});
