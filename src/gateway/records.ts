import type { AuditLog } from "../audit/mod.ts";
import type { Metrics } from "../metrics/mod.ts";
import { redactedJson } from "../redact.ts";
import type { Span } from "../trace.ts";
import type { OperationRequest, Outcome } from "./operation.ts";

/** The records of operations. */
export interface Records {
  /** One line per operation. */
  readonly audit: AuditLog;
  /** Figures of all operations. */
  readonly metrics: Metrics;
  /** Whether the client's channel flushes the audit before it writes. Default: no. */
  readonly flushesFirst?: boolean;
  /** Whether the audit has the tools' arguments, without secrets. */
  readonly auditArgs: "none" | "redacted";
}

/** Room for a call's arguments in its line, in bytes. */
const MAX_ARGS_BYTES = 4096;

const NO_SUBJECT: Partial<Subject> = {};

/** Longest refused agent id that is recorded. */
const MAX_AGENT_ID = 128;

/** The facts about an operation that its stages found out, and its outcome. */
export interface Run {
  /** The agent that called. */
  readonly caller: {
    /** Its id as recorded: identified, or as the call claims; absent where it claims none. */
    readonly id: string | undefined;
    /** The same where it is one of the rules'. */
    readonly known: string | undefined;
  };
  /** Absent where the operation is about no server, or the request could not be decoded. */
  readonly subject?: Subject | undefined;
  /** Path of the rule that decided. */
  readonly rule?: string | undefined;
  /** How it ended. */
  readonly outcome: Outcome;
}

/** The server, and the tool of that server, that an operation is about. */
export interface Subject {
  readonly server: string;
  /** Whether the server is in the configuration; callers may name any. */
  readonly isConfigured: boolean;
  readonly tool?: string;
  /** Size of the tool's arguments in UTF-8, in bytes; absent where the call came without any. */
  readonly argsBytes?: number | undefined;
  /** The tool's arguments, parsed. */
  readonly args?: unknown;
}

/** An operation that is over. */
export interface RecordContext {
  /** The request. */
  readonly request: OperationRequest;
  /** Id of the client's connection. */
  readonly session: string;
  /** Start of the operation, on the clock of `performance.now()`. */
  readonly startedAt: number;
  /** The operation in its trace. */
  readonly span: Span;
  /** Size of the encoded result in UTF-8, in bytes. */
  readonly resultBytes: number | undefined;
}

/**
 * Records an operation, once: a line of the audit log, the end of its span, and its metrics.
 *
 * @param records Audit log and metrics.
 * @param run The facts and the outcome.
 * @param context The operation.
 * @returns Resolves when the answer may be given to the channel; absent where that is at once.
 */
export function recordOperation(
  records: Records,
  { caller, subject, rule, outcome }: Run,
  { request: { name, requestId }, session, startedAt, span, resultBytes }: RecordContext,
): Promise<void> | undefined {
  const latency = performance.now() - startedAt;
  const { server, tool, args } = subject ?? NO_SUBJECT;
  const code = errorCode(outcome);
  const downstreamMs = "downstreamMs" in outcome ? outcome.downstreamMs : undefined;
  const isToolError = outcome.kind === "result" && outcome.isToolError;
  records.audit.append({
    timestamp: timeNow(),
    agent_id: caller.id?.slice(0, MAX_AGENT_ID) ?? null,
    operation: name,
    decision: outcome.kind === "refused" ? "DENY" : code === undefined ? "ALLOW" : "ERROR",
    server,
    tool,
    code,
    rule,
    latency_ms: latency,
    downstream_ms: downstreamMs,
    session,
    request_id: requestId,
    args_bytes: subject?.argsBytes,
    result_bytes: code === undefined ? resultBytes : undefined,
    tool_error: isToolError || undefined,
    args: records.auditArgs === "none" || args === undefined
      ? undefined
      : redactedJson(args, MAX_ARGS_BYTES),
  });
  if (caller.known !== undefined) span.set({ "gen_ai.agent.id": caller.known });
  if (code !== undefined) span.fail(code);
  span.end();
  records.metrics.observe({
    operation: name,
    agent: caller.known,
    server: subject?.isConfigured === true ? server : undefined,
    // Callers may name any tool; only one that was called is told apart.
    tool: downstreamMs !== undefined || code === "TIMEOUT" ? tool : undefined,
    code,
    isToolError,
    latencyMs: latency,
  });
  return records.flushesFirst === true ? undefined : records.audit.written();
}

/** The code of an outcome that is an error. */
function errorCode(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case "own":
    case "result":
      return undefined;
    case "refused":
    case "failed":
      return outcome.refusal.code;
    case "rpc-error":
      return String(outcome.error.code);
    case "cancelled":
      return "CANCELLED";
    case "internal-error":
      return "INTERNAL_ERROR";
  }
}

let lastMs = NaN;
let lastTime = "";

/** The time, ISO 8601 in UTC; of the many calls in a millisecond only the first pays for it. */
function timeNow(): string {
  const ms = Date.now();
  if (ms !== lastMs) {
    lastMs = ms;
    lastTime = new Date(ms).toISOString();
  }
  return lastTime;
}
