/** How another gateway is configured, and how a tool is called through it. */
export interface Mapping {
  /** Its name in the table. */
  readonly name: string;
  /** Its command, where `--peer` names the mapping alone; `{mcp}` and `{rules}` are the two files. */
  readonly command: string;
  /** Variables of its environment, with the same places. */
  readonly env?: Readonly<Record<string, string>>;
  /** The parameters of `tools/call` that call a tool of a server. */
  call(wanted: Wanted): Readonly<Record<string, unknown>>;
}

/** What is called. */
export interface Wanted {
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** The gateways that the benchmark knows, by the name that `--mapping` takes. */
export const MAPPINGS: Readonly<Record<string, Mapping>> = {
  "agent-mcp-gateway-python": {
    name: "Python original",
    command: "uvx agent-mcp-gateway",
    env: {
      GATEWAY_MCP_CONFIG: "{mcp}",
      GATEWAY_RULES: "{rules}",
      GATEWAY_AUDIT_LOG: "{audit}.peer",
    },
    call: ({ agent, server, tool, args }) => ({
      name: "execute_tool",
      arguments: { agent_id: agent, server, tool, args },
    }),
  },
};

/** Puts paths in place of `{mcp}`, `{rules}` and `{audit}`. */
export function fillMapping(
  text: string,
  files: { readonly mcp: string; readonly rules: string; readonly audit: string },
): string {
  return text.replaceAll("{mcp}", files.mcp).replaceAll("{rules}", files.rules)
    .replaceAll("{audit}", files.audit);
}
