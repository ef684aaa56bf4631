import { buildCommand, numberParser } from "@stricli/core";
import type { CallFlags } from "./call.ts";
import { type Context, proposeServers, SHARED_FLAGS } from "./context.ts";
import type { Shell } from "./completions.ts";
import type { Outputs } from "./terminal.ts";
import type { SchemaName } from "./schema.ts";
import type { ToolsFlags } from "./tools.ts";

const { files, json, agent, server } = SHARED_FLAGS;
const parsed = { kind: "parsed", parse: String, optional: true } as const;

/** `tools`. */
export const tools = buildCommand<ToolsFlags, [], Context>({
  loader: async () => {
    const { tools } = await import("./tools.ts");
    return async function (this: Context, flags: ToolsFlags) {
      this.exitCode = await tools(flags, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      server: { ...server, brief: "Only this server's" },
      agent: { ...agent, brief: "Whose tools (GATEWAY_AGENT)" },
      names: { ...parsed, brief: "Only these, separated by commas", placeholder: "names" },
      pattern: { ...parsed, brief: "Only those that match, such as get_*", placeholder: "pattern" },
      detail: {
        kind: "enum",
        values: ["full", "signatures", "names"],
        optional: true,
        brief: "How much of each",
      },
      json,
      ...files,
    },
  },
  docs: {
    brief: "List servers and tools as an agent sees them",
    fullDescription:
      "Lists what list_servers and get_server_tools show an agent, on the same way " +
      "as any other call: identity, rules, audit. Exit code: 1 where that fails.\n\n" +
      "Example: agent-mcp-gateway tools --server postgres --agent researcher",
  },
});

/** `call`. */
export const call = buildCommand<CallFlags, [server: string, tool: string, args?: string], Context>(
  {
    loader: async () => {
      const { call } = await import("./call.ts");
      return async function (
        this: Context,
        flags: CallFlags,
        server: string,
        tool: string,
        args?: string,
      ) {
        this.exitCode = await call(flags, { server, tool, args }, this.process as Outputs);
      };
    },
    parameters: {
      flags: {
        agent: { ...agent, brief: "Who calls (GATEWAY_AGENT)" },
        timeout: {
          kind: "parsed",
          parse: readTimeout,
          optional: true,
          brief: "Milliseconds that the call may take",
          placeholder: "ms",
        },
        json: { ...json, brief: "Print the whole result as JSON" },
        ...files,
      },
      positional: {
        kind: "tuple",
        parameters: [
          {
            brief: "The server",
            placeholder: "server",
            parse: String,
            proposeCompletions: proposeServers,
          },
          { brief: "Its tool", placeholder: "tool", parse: String },
          {
            brief: "The arguments: a JSON object, or - for standard input; by default {}",
            placeholder: "json",
            parse: String,
            optional: true,
          },
        ],
      },
    },
    docs: {
      brief: "Call a tool as an agent does",
      fullDescription:
        "Calls a server's tool on the same way as any other call: identity, rules, " +
        "audit. Texts are printed as they are; progress and log messages go to stderr. Exit code: 1 " +
        "where the call is refused or fails.\n\n" +
        `Example: agent-mcp-gateway call files read_text_file '{"path": "notes.txt"}' --agent writer`,
    },
  },
);

/** `schema`. */
export const schema = buildCommand<Record<never, never>, [file: SchemaName], Context>({
  loader: async () => {
    const { schema } = await import("./schema.ts");
    return async function (this: Context, _flags: Record<never, never>, file: SchemaName) {
      this.exitCode = await schema(file, this.process as Outputs);
    };
  },
  parameters: {
    flags: {},
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "Which file: servers or rules",
        placeholder: "servers|rules",
        parse: (word) => oneOf<SchemaName>(word, ["servers", "rules"]),
        proposeCompletions: () => ["servers", "rules"],
      }],
    },
  },
  docs: {
    brief: "Print the JSON Schema of a configuration file, for editors",
    fullDescription: "Prints the JSON Schema of the servers file or of the rules file. An editor " +
      'completes and checks a file that names it: "$schema": "./rules.schema.json".\n\n' +
      "Example: agent-mcp-gateway schema rules > rules.schema.json",
  },
});

/** `completions`. */
export const completions = buildCommand<Record<never, never>, [shell: Shell], Context>({
  loader: async () => {
    const { completions } = await import("./completions.ts");
    return function (this: Context, _flags: Record<never, never>, shell: Shell) {
      this.exitCode = completions(shell, this.process as Outputs);
    };
  },
  parameters: {
    flags: {},
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "The shell: bash, zsh, fish or powershell",
        placeholder: "bash|zsh|fish|powershell",
        parse: (word) => oneOf(word, SHELLS),
        proposeCompletions: () => SHELLS,
      }],
    },
  },
  docs: {
    brief: "Print the script that completes the command in a shell",
    fullDescription: "Prints a script that makes a shell complete commands, flags, and the names " +
      "of servers and agents.\n\n" +
      "Example: source <(agent-mcp-gateway completions bash)",
  },
});

const SHELLS: readonly Shell[] = ["bash", "zsh", "fish", "powershell"];

function oneOf<T extends string>(word: string, words: readonly T[]): T {
  const found = words.find((one) => one === word);
  if (found === undefined) throw new SyntaxError(`expected one of ${words.join(", ")}`);
  return found;
}

function readTimeout(text: string): number {
  const value = numberParser(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new SyntaxError("expected a whole number of milliseconds");
}
