import { loadRememberedCatalogs, withDescriptions } from "./describe_servers.ts";
import { allowedServers } from "./find_server.ts";
import { AGENT_ID, ALWAYS_LOAD, type LocalTool } from "./tool.ts";

/** Lists the servers that the agent may use, including failing ones. */
export const listServers: LocalTool = {
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
    annotations: { title: "List servers", readOnlyHint: true },
    _meta: ALWAYS_LOAD,
  },

  async run(args, { caller, policy, serverConfigs, servers }) {
    const { agent, capabilities } = caller;
    const configs = allowedServers(agent, { policy, serverConfigs });
    const undescribedServers = configs.filter(({ description }) => description === undefined);
    await loadRememberedCatalogs(undescribedServers, { servers, capabilities });
    const describedServers = withDescriptions(configs, { servers, capabilities });
    const list = describedServers.map(({ name, description, publicInfo }) => ({
      name,
      ...(description === undefined ? {} : { description }),
      ...(args.include_metadata === true ? publicInfo : {}),
    }));
    const json = JSON.stringify(list);
    // Gemini CLI reports an array in the text as a malformed structured result unless the result also has
    // structured content.
    return { kind: "gateway-result", json, structuredJson: `{"servers":${json}}` };
  },
};
