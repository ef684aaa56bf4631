/** A command as the help lists it. */
export interface ListedCommand {
  readonly name: string;
  /** One line. */
  readonly brief: string;
}

/** The commands by what they are for, in the order in which a newcomer needs them. */
const GROUPS: readonly (readonly [title: string, names: readonly string[]])[] = [
  ["SET UP", ["init", "validate", "doctor", "savings"]],
  ["RULES", ["explain", "tools", "call"]],
  ["SERVE", ["serve", "auth", "token", "permissions"]],
  ["RECORDS", ["audit"]],
  ["EDITORS AND SHELLS", ["schema", "completions"]],
];

/** The group of commands that no group names. */
const OTHERS = "MORE";

/**
 * The help of the program as a whole. The parser's own begins with a line of all flags for each
 * command.
 */
export function helpText(commands: readonly ListedCommand[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const known = new Set(GROUPS.flatMap(([, names]) => names));
  const others = commands.map(({ name }) => name).filter((name) => !known.has(name));
  const groups = [...GROUPS, [OTHERS, others] as const].flatMap(([title, names]) => {
    const lines = names.flatMap((wanted) => commands.filter(({ name }) => name === wanted))
      .map(({ name, brief }) => `  ${name.padEnd(width)}  ${brief}\n`);
    return lines.length === 0 ? [] : [`\n${title}\n${lines.join("")}`];
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
