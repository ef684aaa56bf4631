import type { ListedCommand } from "./commands.ts";

/** Groups of commands, in the order in which a newcomer needs them. */
const GROUPS = ["SET UP", "RULES", "SERVE", "RECORDS", "EDITORS AND SHELLS"] as const;

/** A group of commands. */
export type CommandGroup = (typeof GROUPS)[number];

/** The help of the whole program. The parser's own would begin with every flag of every command. */
export function helpText(commands: readonly ListedCommand[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const groups = GROUPS.map((group) => {
    const lines = commands.filter((command) => command.group === group)
      .map(({ name, brief }) => `  ${name.padEnd(width)}  ${brief}\n`);
    return `\n${group}\n${lines.join("")}`;
  });
  return `One MCP server in front of all of yours: agents load three small tools,
discover the rest on demand, and may call what your rules allow.

USAGE
  agent-mcp-gateway [COMMAND] [FLAGS]

  Without a command it serves an MCP client over standard input and output.
  agent-mcp-gateway COMMAND --help lists a command's flags, with an example.
${groups.join("")}
FLAGS
  -h --help     Print this
  -v --version  Print the version

EXAMPLE
  agent-mcp-gateway init
  agent-mcp-gateway --agent researcher
`;
}
