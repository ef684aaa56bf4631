import { buildCommand, buildRouteMap, numberParser } from "@stricli/core";
import type { AuditFlags, Outputs, TailFlags } from "./audit.ts";
import { readSince } from "./audit_since.ts";
import type { Context } from "./context.ts";

const file = {
  kind: "tuple",
  parameters: [{
    brief: "The log file; by default the one that the gateway writes (GATEWAY_AUDIT_LOG)",
    placeholder: "file",
    parse: String,
    optional: true,
  }],
} as const;

const filters = {
  since: {
    kind: "parsed",
    parse: (text: string) => readSince(text),
    brief: "Only newer entries: 30m, 1h, 2d, or an ISO 8601 date",
    optional: true,
  },
  agent: { kind: "parsed", parse: String, brief: "Only entries of this agent", optional: true },
} as const;

const stats = buildCommand<AuditFlags, [file?: string], Context>({
  loader: async () => {
    const { auditStats } = await import("./audit.ts");
    return function (this: Context, flags: AuditFlags, file?: string) {
      this.exitCode = auditStats({ ...flags, file }, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      ...filters,
      json: { kind: "boolean", withNegated: false, default: false, brief: "Print JSON" },
    },
    positional: file,
  },
  docs: {
    brief: "Count operations by agent, server, tool, denial and error",
    fullDescription:
      "Counts the operations in the audit log and its rotated files: by agent, server and tool, with " +
      "denials by rule, errors by code, and the slowest " +
      "tools. Damaged lines are skipped and counted.\n\n" +
      "Example: agent-mcp-gateway audit stats --since 1h --agent researcher",
  },
});

const tail = buildCommand<TailFlags, [file?: string], Context>({
  loader: async () => {
    const { auditTail, followAudit } = await import("./audit.ts");
    return async function (this: Context, flags: TailFlags, file?: string) {
      const print = flags.follow ? followAudit : auditTail;
      this.exitCode = await print({ ...flags, file }, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      follow: {
        kind: "boolean",
        withNegated: false,
        default: false,
        brief: "Keep printing new operations until Ctrl-C",
      },
      lines: { kind: "parsed", parse: readCount, default: "10", brief: "How many operations" },
      ...filters,
      json: {
        kind: "boolean",
        withNegated: false,
        default: false,
        brief: "Print the lines of the log unchanged",
      },
    },
    aliases: { n: "lines", f: "follow" },
    positional: file,
  },
  docs: {
    brief: "Show the last operations",
    fullDescription: "Shows the last operations of the audit log, the newest last: time " +
      "(UTC), decision, agent, tool, duration, and the rule, the error code, or isError if the " +
      "tool itself reported an error.\n\n" +
      "Example: agent-mcp-gateway audit tail -n 20 --agent researcher",
  },
});

function readCount(text: string): number {
  const count = numberParser(text);
  if (Number.isInteger(count) && count > 0 && count <= 1_000_000) return count;
  throw new SyntaxError("expected a whole number from 1 to 1000000");
}

/** `audit stats` and `audit tail`. */
export const audit = buildRouteMap<"stats" | "tail", Context>({
  routes: { stats, tail },
  docs: { brief: "Read the audit log" },
});
