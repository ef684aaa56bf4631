import { Client } from "@modelcontextprotocol/sdk/client";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { playAgent } from "./play_agent.ts";

Deno.test({
  name: "[protocol.sdk-1] a client of @modelcontextprotocol/sdk 1.x works",
  // Its close() leaves the timer of 2 s behind after which it would have sent SIGTERM.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await playAgent(async (launch) => {
      const client = new Client({ name: "sdk", version: "1" });
      await client.connect(new StdioClientTransport({ ...launch, stderr: "ignore" }));
      return {
        instructions: () => client.getInstructions(),
        listTools: async () => (await client.listTools()).tools,
        callTool: (name, args, options) => {
          return client.callTool({ name, arguments: args }, undefined, options);
        },
        close: () => client.close(),
      };
    });
  },
});
