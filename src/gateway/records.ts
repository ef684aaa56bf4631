import type { AuditLog, Decided } from "../audit/mod.ts";
import type { Metrics } from "../metrics/mod.ts";
import { redactedJson } from "../redact.ts";
import type { Span } from "../trace.ts";

/** Where operations are recorded. */
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

/** The server, and the tool of that server, that an operation concerns. */
export interface Subject {
  readonly server?: string;
  readonly tool?: string;
}

/** Room for a call's arguments in its line, in bytes. */
const MAX_ARGS_BYTES = 4096;

/** Longest refused agent id that is recorded. */
const MAX_AGENT_ID = 128;

/** Collects what is known of one operation while it runs, and records it once it is answered. */
export class OperationRecord {
  /** The operation in its trace. */
  readonly span: Span;
  readonly #records: Records;
  readonly #started = performance.now();
  readonly #operation: string;
  readonly #session: string;
  readonly #requestId: string | number;
  #agent: string | null = null;
  #subject: Subject = {};
  #rule: string | undefined;
  #knownAgent: string | undefined;
  #knownServer: string | undefined;
  #argsBytes: number | undefined;
  #args: string | undefined;

  /**
   * Begins with what is known when the request arrives.
   *
   * @param records Where to record.
   * @param about The gateway's tool, the client's connection and request, and its span.
   */
  constructor(
    records: Records,
    about: { operation: string; session: string; requestId: string | number; span: Span },
  ) {
    this.span = about.span;
    this.#records = records;
    this.#operation = about.operation;
    this.#session = about.session;
    this.#requestId = about.requestId;
  }

  /** Who claims to call. */
  setClaim(agent: string): void {
    this.#agent = agent.slice(0, MAX_AGENT_ID);
  }

  /** Who calls. */
  setAgent(agent: string): void {
    this.#agent = agent;
    this.#knownAgent = agent;
  }

  /** The server is a configured one. */
  setServer(server: string): void {
    this.#knownServer = server;
  }

  /** What it is about. */
  setSubject(subject: Subject, argsBytes: number | undefined): void {
    this.#subject = subject;
    this.#argsBytes = argsBytes;
  }

  /** The tool's arguments, as parsed; nothing is kept of them unless the operator wants it. */
  setArgs(args: unknown): void {
    if (this.#records.auditArgs === "none" || args === undefined) return;
    this.#args = redactedJson(args, MAX_ARGS_BYTES);
  }

  /** The rule that decided. */
  setRule(rule: string): void {
    this.#rule = rule;
  }

  /** Records the operation; resolves when its answer may be given to the channel. */
  finish(
    decision: Decided,
    outcome: {
      code?: string;
      resultBytes?: number;
      downstreamMs?: number;
      isToolError?: boolean;
    } = {},
  ): Promise<void> | undefined {
    const latency = performance.now() - this.#started;
    const { code, resultBytes, downstreamMs, isToolError = false } = outcome;
    this.#records.audit.append({
      timestamp: timeNow(),
      agent_id: this.#agent,
      operation: this.#operation,
      decision,
      server: this.#subject.server,
      tool: this.#subject.tool,
      code,
      rule: this.#rule,
      latency_ms: latency,
      downstream_ms: downstreamMs,
      session: this.#session,
      request_id: this.#requestId,
      args_bytes: this.#argsBytes,
      result_bytes: resultBytes,
      tool_error: isToolError || undefined,
      args: this.#args,
    });
    if (this.#knownAgent !== undefined) this.span.set({ "gen_ai.agent.id": this.#knownAgent });
    if (code !== undefined) this.span.fail(code);
    this.span.end();
    this.#records.metrics.observe({
      operation: this.#operation,
      agent: this.#knownAgent,
      server: this.#knownServer,
      // Callers may name any tool; only one that was called is told apart.
      tool: downstreamMs !== undefined || code === "TIMEOUT" ? this.#subject.tool : undefined,
      code,
      isToolError,
      latencyMs: latency,
    });
    return this.#records.flushesFirst === true ? undefined : this.#records.audit.written();
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
