import { GATEWAY_NAME } from "./find_servers.ts";

/** Text to paste into an agent's instructions, for clients that do not show a server's own. */
export const AGENT_PROMPT = `## Tools from other MCP servers

The MCP server \`${GATEWAY_NAME}\` stands in front of all others. Its rules decide what you may use.

1. Call \`list_servers\` to see which servers you may use.
2. Call \`get_server_tools\` with a \`server\` to see its tools. A long list comes as signatures; ask
   again with \`names\` for the full schemas of the few that you need.
3. Call \`execute_tool\` with \`server\`, \`tool\` and \`args\` (an object).
4. On \`DENIED_BY_POLICY\` do not try another way around: tell the user which tool you would need.
`;
