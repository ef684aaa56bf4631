import { defineCommand, switchFlag, textFlag } from "./command.ts";
import { runInit } from "./init/mod.ts";

const FLAGS = {
  from: textFlag(
    "Import servers from this client only: claude-code, claude-desktop, cursor, vscode, " +
      "windsurf, codex, gemini, opencode, copilot, or the path of a file",
  ),
  yes: switchFlag(
    "Ask nothing: import all servers for the agent developer. Change no other agent and, except with --shared, no client's file",
  ),
  here: switchFlag("Write into the working folder instead of ~/.config/agent-mcp-gateway"),
  shared: switchFlag(
    "Let all clients share one gateway: new entries get --shared; with --yes, existing ones get it, too",
  ),
  undo: switchFlag("Put back every file that the last init changed"),
};

export const command = defineCommand({
  about: "Finds the servers of Claude Code, Claude Desktop, Cursor, VS Code, " +
    "Windsurf, Codex, Gemini CLI, opencode and Copilot CLI, and writes .mcp.json and " +
    ".mcp-gateway-rules.json into ~/.config/agent-mcp-gateway. At a terminal it asks which " +
    "servers, which agents and which tools, starts the servers to see what their tools do, and " +
    "writes the gateway into the clients that you choose. Every file that changes gets a " +
    "backup beside it. Prints the entry for each client, in its own format.\n\n" +
    "Files of the working folder (.mcp.json, .cursor/mcp.json, .vscode/mcp.json, …) may be a " +
    "stranger's: --yes imports their servers only with --from or --here.\n\n" +
    "Exit codes: 1 nothing could be written, 130 cancelled.",
  example: "agent-mcp-gateway init --from claude-code --yes",
  flags: FLAGS,
  run: ({ flags, ...context }) => runInit(flags, context),
});
