import type { CommandContext } from "@stricli/core";

/** What a command runs in. */
export interface Context extends CommandContext {
  /** What the command ends with. */
  exitCode: number;
}

const parsed = { kind: "parsed", parse: String, optional: true } as const;

/** Flags that commands share. */
export const SHARED_FLAGS = {
  files: {
    mcpConfig: { ...parsed, brief: "The servers file (GATEWAY_MCP_CONFIG)", placeholder: "file" },
    rules: { ...parsed, brief: "The rules file (GATEWAY_RULES)", placeholder: "file" },
  },
  json: { kind: "boolean", withNegated: false, default: false, brief: "Print JSON" },
  agent: { ...parsed, placeholder: "agent", proposeCompletions: proposeAgents },
  server: { ...parsed, placeholder: "server", proposeCompletions: proposeServers },
} as const;

/** The agents of the rules, for a shell that completes a word. */
export async function proposeAgents(partial: string): Promise<readonly string[]> {
  const { readNames } = await import("./complete.ts");
  return (await readNames()).agents.filter((name) => name.startsWith(partial));
}

/** The servers of the servers file, for a shell that completes a word. */
export async function proposeServers(partial: string): Promise<readonly string[]> {
  const { readNames } = await import("./complete.ts");
  return (await readNames()).servers.filter((name) => name.startsWith(partial));
}
