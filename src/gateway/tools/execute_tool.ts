import { CallerError } from "../../errors.ts";
import { JsonText, RPC_CODES, textAt } from "../../jsonrpc/mod.ts";
import { findServer } from "./find_server.ts";
import { nearNames } from "../../near_names.ts";
import { AGENT_ID, ALWAYS_LOAD, type GatewayTool } from "./tool.ts";

/** Calls a tool of a server and passes its result on as it is. */
export const executeTool: GatewayTool = {
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
    // Claude Code cuts results above its own limit, unless the tool says that it may be passed.
    _meta: { ...ALWAYS_LOAD, "anthropic/maxResultSizeChars": 500_000 },
  },

  // What models send that have the protocol's own word in mind.
  aliases: { arguments: "args" },

  subject: (args) => ({ server: String(args.server), tool: String(args.tool) }),

  async run(args, context) {
    const { caller, policy, meta, signal, onProgress, span } = context;
    const server = findServer(context, String(args.server));
    const tool = String(args.tool);
    const answer = await server.callTool({
      tool,
      args: typeof args.args === "object" ? args.args.text : new JsonText("{}"),
      meta,
      signal,
      span,
      timeoutMs: typeof args.timeout_ms === "number" ? args.timeout_ms : undefined,
      onProgress,
    }, caller);
    if (answer.kind === "no-such-tool") {
      const { name } = server.config;
      const callable = answer.catalog.tools.map((known) => known.name).filter((known) => {
        return policy.decideTool(caller.agent, name, known).allowed;
      });
      const near = nearNames(tool, callable, 3);
      const { shortfall } = answer.catalog;
      const hint = near.length > 0
        ? `Near names: ${near.join(", ")}`
        : shortfall ?? `Call get_server_tools with server "${name}" to see its tools`;
      throw new CallerError("TOOL_NOT_FOUND", `Server "${name}" has no tool "${tool}".`, { hint });
    }
    const { reply, downstreamMs } = answer;
    if (reply.ok) {
      const { text: result, bytes } = reply.result;
      return { kind: "result", result, bytes, downstreamMs };
    }
    const { error, text } = reply;
    const inputSchema = error.code === RPC_CODES.invalidParams
      ? textAt(answer.tool.text.text, "inputSchema")
      : undefined;
    const help = inputSchema === undefined ? {} : { inputSchema };
    return { kind: "error", error, text, ...help, downstreamMs };
  },
};
