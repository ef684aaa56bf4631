import type { ClientId } from "./clients.ts";

/** What a client needs beside its entry, a line each; `NAME` stands for the entry's name. */
const ADVICE: Readonly<Partial<Record<ClientId, readonly string[]>>> = {
  "claude-code": [
    'Without a terminal: claude -p "..." --allowedTools "mcp__NAME"',
    'To stop the prompts: {"permissions": {"allow": ["mcp__NAME"]}} in ~/.claude/settings.json',
  ],
  codex: [
    "Without a terminal (codex exec) execute_tool is refused unless config.toml has:",
    "  [mcp_servers.NAME.tools.execute_tool]",
    '  approval_mode = "approve"',
  ],
  gemini: [
    'Without a terminal: gemini -p "..." --allowed-mcp-server-names NAME',
    'To stop the prompts: add "trust": true to the entry',
  ],
  opencode: [
    'It runs all tools without asking. To be asked: "permission": {"NAME_execute_tool": "ask"}',
  ],
  copilot: [
    "Without a terminal: copilot -p \"...\" --allow-tool 'NAME(execute_tool)'",
  ],
};

/**
 * The settings for runs without a terminal and for approvals, as lines to show beside the entry.
 *
 * @param client The client.
 * @param name The name of the gateway's entry.
 */
export function clientAdvice(client: ClientId, name: string): string[] {
  const lines = ADVICE[client] ?? [];
  if (lines.length === 0) return [];
  const last =
    "If you approve execute_tool permanently, every tool that the rules allow runs without asking.";
  return [...lines.map((line) => line.replaceAll("NAME", name)), last];
}
