import { AGENT_ID, ALWAYS_LOAD, type GatewayTool } from "./tool.ts";

/** Names the servers that the agent may use, failing ones too. */
export const listServers: GatewayTool = {
  definition: {
    name: "list_servers",
    description: "List the MCP servers you may use. Start here.",
    inputSchema: {
      type: "object",
      properties: {
        agent_id: AGENT_ID,
        include_metadata: { type: "boolean" },
      },
    },
    annotations: { readOnlyHint: true },
    _meta: ALWAYS_LOAD,
  },

  subject: () => ({}),

  run(args, { caller, policy, entries }) {
    const visible = [...entries.values()].filter(({ name }) => {
      return policy.decideServer(caller.agent, name).allowed;
    });
    const list = visible.map(({ name, description, shown }) => ({
      name,
      ...(description === undefined ? {} : { description }),
      ...(args.include_metadata === true ? shown : {}),
    }));
    return Promise.resolve({ kind: "own", json: JSON.stringify(list) });
  },
};
