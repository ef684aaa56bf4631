import { AGENT_ID, ALWAYS_LOAD, type ForwardingTool } from "./tool.ts";

/** Calls a tool of a server; the result of a successful call is passed on unchanged. */
export const executeTool: ForwardingTool = {
  definition: {
    name: "execute_tool",
    description: "Call a server's tool. Get its schema by get_server_tools first. " +
      "Returns its result unchanged.",
    inputSchema: {
      type: "object",
      properties: {
        agent_id: AGENT_ID,
        server: { type: "string" },
        tool: { type: "string" },
        args: {
          type: "object",
          description: "Arguments per the tool's schema",
          additionalProperties: true,
        },
        timeout_ms: { type: "integer", minimum: 1 },
      },
      required: ["server", "tool"],
    },
    annotations: { title: "Call a tool", readOnlyHint: false },
    // Claude Code cuts results that exceed its limit; this field raises the limit.
    _meta: { ...ALWAYS_LOAD, "anthropic/maxResultSizeChars": 500_000 },
  },

  // Models that know MCP may use the protocol's name for the arguments.
  aliases: { arguments: "args" },

  serverCall: ({ server, tool, args, timeout_ms }) => ({
    kind: "server-tool",
    server: String(server),
    tool: String(tool),
    args: typeof args === "object" ? args : undefined,
    timeoutMs: typeof timeout_ms === "number" ? timeout_ms : undefined,
  }),
};
