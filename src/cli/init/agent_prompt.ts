/**
 * What to paste into an agent's prompt, so that it names itself.
 *
 * @param agent The agent's name in the rules.
 */
export function agentPrompt(agent: string): string {
  return `## Tools from other MCP servers

The MCP server \`agent-mcp-gateway\` stands in front of all others. Its rules decide what you may use.

1. Give \`agent_id: "${agent}"\` in every call of a gateway tool.
2. Call \`list_servers\` to see which servers you may use.
3. Call \`get_server_tools\` with a \`server\` to see its tools. A long list comes as signatures; ask
   again with \`names\` for the full schemas of the few that you need.
4. Call \`execute_tool\` with \`server\`, \`tool\` and \`args\` (an object).
5. On \`DENIED_BY_POLICY\` do not try another way around: tell the user which tool you would need.
`;
}
