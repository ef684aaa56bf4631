import { buildCommand } from "@stricli/core";
import { type Context, proposeServers, SHARED_FLAGS } from "./context.ts";
import type { DoctorFlags } from "./doctor.ts";
import type { ExplainFlags } from "./explain.ts";
import type { Outputs } from "./terminal.ts";
import type { SavingsFlags } from "./savings.ts";
import type { ValidateFlags } from "./validate.ts";

const { files, json, agent, server } = SHARED_FLAGS;

/** `validate`. */
export const validate = buildCommand<ValidateFlags, string[], Context>({
  loader: async () => {
    const { validate } = await import("./validate.ts");
    return async function (this: Context, flags: ValidateFlags, ...named: string[]) {
      this.exitCode = await validate(flags, named, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      json: { ...json, brief: "Print {errors, warnings}, each with file, line, column, path" },
      strict: { kind: "boolean", withNegated: false, default: false, brief: "Let warnings fail" },
      ...files,
    },
    positional: {
      kind: "array",
      parameter: { brief: "Check this file", placeholder: "file", parse: String },
      maximum: 2,
    },
  },
  docs: {
    brief: "Check the two configuration files",
    fullDescription:
      "Reports every error and warning in the servers file and the rules file, with " +
      "file, line and column. A FILE is checked instead of the one that the gateway would find; " +
      "its contents show which of the two it is. Exit code: 1 on errors.\n\n" +
      "Example: agent-mcp-gateway validate --strict ./new-rules.json",
  },
});

/** `doctor`. */
export const doctor = buildCommand<DoctorFlags, [server?: string], Context>({
  loader: async () => {
    const { doctor } = await import("./doctor.ts");
    return async function (this: Context, flags: DoctorFlags, server?: string) {
      this.exitCode = await doctor(flags, server, this.process as Outputs);
    };
  },
  parameters: {
    flags: { json, ...files },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "Only this server",
        placeholder: "server",
        parse: String,
        optional: true,
        proposeCompletions: proposeServers,
      }],
    },
  },
  docs: {
    brief: "Start the servers, and report what is wrong and how to fix it",
    fullDescription: "Starts each server, counts its tools and their tokens, and ends it again. " +
      "For one that fails it says why and what to do. Exit code: 1 if any fails.\n\n" +
      "Example: agent-mcp-gateway doctor postgres",
  },
});

/** `explain`. */
export const explain = buildCommand<ExplainFlags, [], Context>({
  loader: async () => {
    const { explain } = await import("./explain.ts");
    return async function (this: Context, flags: ExplainFlags) {
      this.exitCode = await explain(flags, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      agent: { ...agent, brief: "Whose decisions" },
      server: { ...server, brief: "About which server" },
      tool: {
        kind: "parsed",
        parse: String,
        optional: true,
        brief: "About which tool of the server",
        placeholder: "tool",
      },
      all: {
        kind: "boolean",
        withNegated: false,
        default: false,
        brief: "Show agents against servers",
      },
      json,
      ...files,
    },
  },
  docs: {
    brief: "Say what the rules decide, and why",
    fullDescription: "Says whether an agent may use a tool, by which entry of the rules, and the " +
      "steps before it. Without --tool it lists all tools of the agent's servers with the " +
      "decisions; for that it starts them. Exit codes: 0 allowed or a table, 3 denied.\n\n" +
      "Example: agent-mcp-gateway explain --agent researcher --server postgres --tool drop_table",
  },
});

/** `savings`. */
export const savings = buildCommand<SavingsFlags, [], Context>({
  loader: async () => {
    const { savings } = await import("./savings.ts");
    return async function (this: Context, flags: SavingsFlags) {
      this.exitCode = await savings(flags, this.process as Outputs);
    };
  },
  parameters: { flags: { json, ...files } },
  docs: {
    brief: "Count the tokens that the gateway saves",
    fullDescription:
      "Starts the servers and counts, with a real tokenizer, what their tools cost " +
      "an agent that loads them all, and what a task costs it through the gateway.\n\n" +
      "Example: agent-mcp-gateway savings --json",
  },
});
