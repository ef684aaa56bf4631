import { buildCommand, type Command, type CommandContext } from "@stricli/core";
import type { Outputs } from "./audit.ts";
import type { InitFlags } from "./init.ts";

/** What the command runs in. */
interface Context extends CommandContext {
  /** What the command ends with. */
  exitCode: number;
}

/** `init`. */
export const init: Command<Context> = buildCommand<InitFlags, [], Context>({
  loader: async () => {
    const { init } = await import("./init.ts");
    return async function (this: Context, flags: InitFlags) {
      this.exitCode = await init(flags, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      from: {
        kind: "parsed",
        parse: String,
        brief: "Take servers from this client only: claude-code, claude-desktop, cursor, vscode, " +
          "windsurf, codex, gemini, opencode, copilot, or the path of a file",
        optional: true,
      },
      yes: {
        kind: "boolean",
        withNegated: false,
        default: false,
        brief: "Ask nothing: all servers, one agent, no client's file is touched",
      },
      here: {
        kind: "boolean",
        withNegated: false,
        default: false,
        brief: "Write into the working folder instead of ~/.config/agent-mcp-gateway",
      },
      undo: {
        kind: "boolean",
        withNegated: false,
        default: false,
        brief: "Put back every file that the last init changed",
      },
    },
  },
  docs: {
    brief: "Write the two configuration files from your MCP clients' configuration",
    fullDescription: "Finds the servers of Claude Code, Claude Desktop, Cursor, VS Code, " +
      "Windsurf, Codex, Gemini CLI, opencode and Copilot CLI, and writes .mcp.json and " +
      ".mcp-gateway-rules.json into ~/.config/agent-mcp-gateway. At a terminal it asks which " +
      "servers, which agents and which tools, starts the servers to see what their tools do, and " +
      "writes the gateway into the clients that you choose. Every file that changes gets a " +
      "backup beside it. Prints the entry for each client, in its own format.\n\n" +
      "Files of the working folder (.mcp.json, .cursor/mcp.json, .vscode/mcp.json, …) may be a " +
      "stranger's: --yes takes them with --from or --here only.\n\n" +
      "Exit codes: 1 nothing could be written, 130 cancelled.\n\n" +
      "Example: agent-mcp-gateway init --from claude-code --yes",
  },
});
