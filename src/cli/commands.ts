import { type BuildableCommand, defineCommand, settingFlags } from "./command.ts";

/** A command in the program's help, with a short description. */
export interface ListedCommand {
  readonly name: string;
  readonly brief: string;
  readonly load: LoadCommand;
}

const serveCommand = defineCommand({
  about:
    "Serves MCP clients over standard input and output, or over HTTP. Each flag overrides the " +
    "environment variable in parentheses after it.",
  example: "agent-mcp-gateway serve --mcp-config ./.mcp.json --agent researcher",
  flags: settingFlags(),
  async run({ flags }) {
    const { serve } = await import("./serve.ts");
    return await serve(flags);
  },
});

type LoadCommand = () => Promise<{ readonly command: BuildableCommand }>;

/** The commands in groups, in the order in which a new user needs them. */
const GROUPS: Readonly<
  Record<string, Readonly<Record<string, readonly [brief: string, LoadCommand]>>>
> = {
  "SET UP": {
    init: [
      "Write the two configuration files from your MCP clients' configuration",
      () => import("./init.ts"),
    ],
    validate: ["Check the two configuration files", () => import("./validate.ts")],
    doctor: [
      "Start the servers, and report what is wrong and how to fix it",
      () => import("./doctor.ts"),
    ],
    trust: [
      "Trust the two configuration files of the working folder",
      () => import("./trust.ts"),
    ],
    savings: ["Count the tokens that the gateway saves", () => import("./savings.ts")],
  },
  "RULES": {
    explain: ["Say what the rules decide, and why", () => import("./explain.ts")],
    test: ["Check that the rules decide cases as expected", () => import("./test.ts")],
    replay: [
      "Show which operations of the audit log the rules would decide otherwise",
      () => import("./replay.ts"),
    ],
    suggest: [
      "Print the narrowest rules that allow what an agent has done",
      () => import("./suggest.ts"),
    ],
    tools: ["List servers and tools as an agent sees them", () => import("./tools.ts")],
    call: ["Call a tool as an agent does", () => import("./call.ts")],
    approvals: [
      "List the calls that wait for your approval, and allow or deny them",
      () => import("./approvals.ts"),
    ],
    pin: [
      "Pin the tools of servers, and show or accept what has changed since",
      () => import("./pin.ts"),
    ],
  },
  "SERVE": {
    serve: [
      "Serve the gateway (the default command)",
      // `serve.ts` is also loaded without the parser, for a fast start, so it must not import command.ts.
      () => Promise.resolve({ command: serveCommand }),
    ],
    refresh: [
      "Update what is remembered of the servers",
      () => import("./refresh.ts"),
    ],
    ps: [
      "List the shared gateways, their clients, servers and memory",
      () => import("./ps.ts"),
    ],
    down: ["End shared gateways after their calls", () => import("./down.ts")],
    logs: ["Show the log of a shared gateway", () => import("./logs.ts")],
    auth: ["Log in to remote servers", () => import("./auth.ts")],
    token: ["Make a bearer token for an agent", () => import("./token.ts")],
    permissions: [
      "Print the narrowest permissions for the present configuration",
      () => import("./permissions.ts"),
    ],
  },
  "RECORDS": { audit: ["Read the audit log", () => import("./audit.ts")] },
  "EDITORS AND SHELLS": {
    schema: [
      "Print the JSON Schema of a file, for editors",
      () => import("./schema.ts"),
    ],
    completions: [
      "Print the script that completes the command in a shell",
      () => import("./completions.ts"),
    ],
  },
};

/** All commands, in the order of the help. */
export const COMMANDS: readonly ListedCommand[] = Object.values(GROUPS).flatMap((group) =>
  Object.entries(group).map(([name, [brief, load]]) => ({ name, brief, load }))
);

/** The help of the whole program. The parser's own help would begin with the flags of all commands. */
export function helpText(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const groups = Object.entries(GROUPS).map(([title, group]) => {
    const lines = Object.entries(group).map(([name, [brief]]) => {
      return `  ${name.padEnd(width)}  ${brief}\n`;
    });
    return `\n${title}\n${lines.join("")}`;
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
