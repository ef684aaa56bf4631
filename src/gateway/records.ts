import type { AuditLog } from "../audit/mod.ts";
import type { Metrics } from "../metrics/mod.ts";
import { redactedJson } from "../redact.ts";
import type { Span } from "../trace.ts";
import type { OperationRequest, Outcome } from "./operation.ts";

/** The audit log and the metrics, which record operations. */
export interface Records {
  /** One line per operation. */
  readonly audit: AuditLog;
  readonly metrics: Metrics;
  /**
   * Whether the client's channel flushes the audit log before every write, so that operations need not
   * wait for it. Default: no.
   */
  readonly flushedByChannel?: boolean;
  /** Whether the audit log includes the tools' arguments, with secrets redacted. */
  readonly auditArgs: "none" | "redacted";
}

/** Maximum size of a call's arguments in its audit line, in bytes. */
const MAX_ARGS_BYTES = 4096;

const NO_SUBJECT: Partial<Subject> = {};

/** Maximum length of an agent id in the audit log: a caller may claim an id of any length. */
const MAX_AGENT_ID_LENGTH = 128;

/** The caller, subject, rule and outcome of a finished operation. */
export interface OperationRecord {
  readonly caller: {
    /** The agent id for the audit log, identified or only claimed; `undefined` if the call has none. */
    readonly id: string | undefined;
    /** The identified agent, or the agent that the connection is bound to; for metrics and traces. */
    readonly agent: string | undefined;
  };
  /** Absent if the operation concerns no server, or the request could not be decoded. */
  readonly subject?: Subject | undefined;
  readonly rule?: string | undefined;
  readonly outcome: Outcome;
}

/** The server, and its tool, that an operation concerns. */
export interface Subject {
  readonly server: string;
  /** Whether the metrics name the server: callers may name servers that are not configured. */
  readonly isCounted: boolean;
  readonly tool?: string;
  /** Size of the tool's arguments in UTF-8 bytes; absent if the call has none. */
  readonly argsBytes?: number | undefined;
  /** The tool's arguments, parsed. */
  readonly args?: unknown;
}

/** The context of a finished operation. */
export interface RecordContext {
  readonly records: Records;
  readonly request: OperationRequest;
  /** Id of the client's connection. */
  readonly session: string;
  /** Start of the operation, on the clock of `performance.now()`. */
  readonly startedAt: number;
  readonly span: Span;
  /** Size of the encoded result in UTF-8 bytes. */
  readonly resultBytes: number | undefined;
}

/**
 * Records an operation, once: a line of the audit log, the end of its span, and its metrics.
 *
 * @returns A promise that resolves when the answer may be sent; `undefined` if it may be sent immediately.
 */
export function recordOperation(
  { caller, subject, rule, outcome }: OperationRecord,
  { records, request: { name, requestId }, session, startedAt, span, resultBytes }: RecordContext,
): Promise<void> | undefined {
  const latencyMs = performance.now() - startedAt;
  const { server, tool, args } = subject ?? NO_SUBJECT;
  const code = errorCode(outcome);
  const downstreamMs = "downstreamMs" in outcome ? outcome.downstreamMs : undefined;
  const isToolError = outcome.kind === "result" && outcome.isToolError;
  records.audit.append({
    timestamp: currentTime(),
    agent_id: caller.id?.slice(0, MAX_AGENT_ID_LENGTH) ?? null,
    operation: name,
    decision: outcome.kind === "denied" ? "DENY" : code === undefined ? "ALLOW" : "ERROR",
    server,
    tool,
    code,
    rule,
    latency_ms: latencyMs,
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
  if (caller.agent !== undefined) span.set({ "gen_ai.agent.id": caller.agent });
  if (code !== undefined) span.fail(code);
  span.end();
  records.metrics.observe({
    operation: name,
    agent: caller.agent,
    server: subject?.isCounted === true ? server : undefined,
    // Callers may name any tool, so only a tool that was called gets its own series.
    tool: downstreamMs !== undefined || code === "TIMEOUT" ? tool : undefined,
    code,
    isToolError,
    latencyMs,
  });
  return records.flushedByChannel === true ? undefined : records.audit.written();
}

/** Returns the error code of an outcome; `undefined` if it is no error. */
function errorCode(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case "gateway-result":
    case "result":
      return undefined;
    case "denied":
    case "failed":
    case "rpc-error":
      return String(outcome.error.code);
    case "cancelled":
      return "CANCELLED";
    case "internal-error":
      return "INTERNAL_ERROR";
  }
}

let cachedMs = NaN;
let cachedTime = "";

/** Returns the current time as ISO 8601 in UTC, cached for a millisecond because formatting is slow. */
function currentTime(): string {
  const ms = Date.now();
  if (ms !== cachedMs) {
    cachedMs = ms;
    cachedTime = new Date(ms).toISOString();
  }
  return cachedTime;
}
