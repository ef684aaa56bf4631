import {
  type AuditApproval,
  type AuditEntry,
  type AuditTrail,
  redactJson,
  type ShadowDecision,
} from "../audit/mod.ts";
import { CallerError } from "../errors.ts";
import type { JsonText } from "../jsonrpc/mod.ts";
import type { Metrics } from "../metrics/mod.ts";
import { startOfText } from "../text.ts";
import type { Span } from "../trace.ts";
import {
  type InteractionRecord,
  MAX_UNKNOWN_NAME,
  type OperationRequest,
  type Outcome,
} from "./operation.ts";

/** The audit log and the metrics, which record operations. */
export interface Records {
  /** The log of calls, and the log of refusals. */
  readonly audit: AuditTrail;
  /** The metrics. */
  readonly metrics: Metrics;
  /**
   * Whether the client's channel flushes the audit log before every write, so that operations need not
   * wait for it. Default: no.
   */
  readonly flushedByChannel?: boolean;
  /** Whether the audit log includes the tools' arguments, with secrets redacted. */
  readonly auditArgs: "none" | "redacted";
  /** Whether no call may leave the gateway without a record. Default: no. */
  readonly auditRequired?: boolean;
}

/** Maximum size of a call's arguments in its audit line, in bytes. */
const MAX_ARGS_BYTES = 4096;

const NO_SUBJECT: Partial<Subject> = {};

const NO_INTERACTION: Partial<InteractionRecord> = {};

/** Maximum length of an agent id in the audit log: a caller may claim an id of any length. */
const MAX_AGENT_ID_LENGTH = 128;

/** The caller, subject, rule and outcome of a finished operation. */
export interface OperationRecord {
  readonly caller: {
    /** The agent id for the audit log, identified or only claimed; `undefined` if the call has none. */
    readonly id: string | undefined;
    /** The identified agent, or the agent that the connection is bound to; for metrics and traces. */
    readonly agent: string | undefined;
    /** The agent id that the call claims, if the connection is bound to another. */
    readonly claimedId?: string | undefined;
  };
  /** Absent if the operation concerns no server, or the request could not be decoded. */
  readonly subject?: Subject | undefined;
  readonly rule?: string | undefined;
  /** The decision of the rules that shadow mode did not enforce. */
  readonly shadow?: ShadowDecision | undefined;
  /** The approval of a call by a person, or the request for it. */
  readonly approval?: AuditApproval | undefined;
  /** The call that was approved, if its client may continue it; see `Approvals.bindingOf`. */
  readonly binding?: string | undefined;
  readonly outcome: Outcome;
}

/** The server, and its tool, resource or prompt, that an operation concerns. */
export interface Subject {
  /** Absent if no server was found, for example one that has the resource. */
  readonly server?: string | undefined;
  /** Whether the metrics name the server: callers may name servers that are not configured. */
  readonly isCounted: boolean;
  readonly tool?: string;
  /** The URI of a resource, without userinfo, query and fragment, which may contain secrets. */
  readonly uri?: string | undefined;
  /** `true` if the operation named a URI with one of these, or one that is too long for the log. */
  readonly isUriCut?: true;
  /** The server's own name of a prompt. */
  readonly prompt?: string | undefined;
  /** Size of the tool's arguments in UTF-8 bytes; absent if the call has none. */
  readonly argsBytes?: number | undefined;
  /** The tool's arguments, as the caller wrote them. */
  readonly args?: JsonText | undefined;
}

/** The context in which an operation is recorded. */
export interface RecordContext {
  readonly records: Records;
  readonly request: Pick<OperationRequest, "name" | "unknownTool" | "interaction" | "outer"> & {
    /** Absent for a notification. */
    readonly requestId?: OperationRequest["requestId"];
  };
  /** Id of the client's connection. */
  readonly session: string;
  readonly span: Span;
}

/** Records one operation. */
export class OperationRecorder {
  readonly #context: RecordContext;
  readonly #startedAt = performance.now();
  #args: string | undefined;
  // Whether the entry at the beginning was added.
  #hasBegun: boolean;
  // Whether a call has left the gateway, or was about to.
  #hasLeft: boolean;

  /** Creates the recorder at the start of the operation, or of a request that continues it. */
  constructor(context: RecordContext) {
    this.#context = context;
    const continued = context.request.interaction?.continued;
    this.#hasBegun = continued?.hasBegun ?? false;
    this.#hasLeft = continued !== undefined;
  }

  /** Whether the audit log has an entry of the beginning of the operation. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Records that a call is about to leave the gateway, so that it is on record if the gateway is killed.
   *
   * @param options Whether the tool declares that it changes nothing.
   * @returns Resolves when the call may leave; `undefined` if it need not be recorded before its end.
   * @throws {CallerError} `AUDIT_UNAVAILABLE`, if a record is required and cannot be written.
   */
  begin(
    record: Omit<OperationRecord, "outcome">,
    { isReadOnly }: { readonly isReadOnly: boolean },
  ): Promise<void> | undefined {
    const { records: { audit, auditRequired = false } } = this.#context;
    // Without a path, the entries of refused calls would use up the memory for entries that wait for the disk.
    if (auditRequired && audit.path === undefined) throw auditUnavailable();
    this.#hasLeft = true;
    if (this.#hasBegun || (isReadOnly && !auditRequired)) return undefined;
    this.#hasBegun = true;
    audit.append({ ...this.#entry(record), decision: "ALLOW", phase: "begun" });
    return this.#waitUntilWritten(auditRequired);
  }

  async #waitUntilWritten(isRequired: boolean): Promise<void> {
    const isWritten = await this.#context.records.audit.untilWritten();
    if (!isWritten && isRequired) throw auditUnavailable();
  }

  /**
   * Records the end of the operation: a line of the audit log, the end of its span, and its metrics. If the client is
   * to continue the operation with another request, only the span ends.
   *
   * @param resultBytes Size of the encoded result in UTF-8 bytes.
   * @returns Resolves when the answer may be sent; `undefined` if it may be sent immediately.
   */
  end(
    record: OperationRecord,
    resultBytes: number | undefined,
  ): Promise<unknown> | undefined {
    const { records, request: { name, interaction }, span } = this.#context;
    const { caller, subject, outcome } = record;
    if (outcome.kind === "input-required") {
      span.end();
      return undefined;
    }
    const { rounds = 0, waitedMs = 0, continued } = interaction ?? NO_INTERACTION;
    const latencyMs = continued === undefined
      ? performance.now() - this.#startedAt
      : Math.max(0, Date.now() - continued.startedAt);
    const code = errorCode(outcome);
    const downstreamMs = "downstreamMs" in outcome ? outcome.downstreamMs : undefined;
    const isToolError = outcome.kind === "result" && outcome.isToolError;
    const entry: AuditEntry = {
      ...this.#entry(record),
      decision: auditDecision(outcome, code),
      phase: this.#hasBegun ? "ended" : undefined,
      code,
      latency_ms: latencyMs,
      downstream_ms: downstreamMs,
      rounds: rounds > 0 ? rounds : undefined,
      waited_ms: rounds > 0 ? waitedMs : undefined,
      result_bytes: code === undefined ? resultBytes : undefined,
      tool_error: isToolError || undefined,
    };
    // Operations that called no tool are cheap to cause, and must not displace those that did.
    const source = caller.agent ?? "";
    if (this.#hasLeft) records.audit.append(entry);
    else if (entry.decision === "ALLOW") records.audit.addLookup(source, entry);
    else records.audit.addRefusal(source, entry);
    if (caller.agent !== undefined) span.set({ "gen_ai.agent.id": caller.agent });
    if (code !== undefined) span.fail(code);
    span.end();
    records.metrics.observe({
      operation: name,
      agent: caller.agent,
      server: subject?.isCounted === true ? subject.server : undefined,
      // Callers may name any tool, so only a tool that was called gets its own series.
      tool: downstreamMs !== undefined || code === "TIMEOUT" ? subject?.tool : undefined,
      code,
      isToolError,
      latencyMs,
    });
    return records.flushedByChannel === true ? undefined : records.audit.untilWritten();
  }

  /** Returns what the entries at the beginning and at the end have in common. */
  #entry(
    { caller, subject, rule, shadow, approval }: Omit<OperationRecord, "outcome">,
  ): Omit<AuditEntry, "decision"> {
    const { records: { auditArgs }, request, session } = this.#context;
    const { name, requestId, unknownTool, interaction, outer } = request;
    // These two fields connect the entries at the beginning and at the end of an operation.
    const firstRequest = interaction?.continued ?? { session, requestId };
    const { server, tool = unknownTool, uri, isUriCut, prompt, args, argsBytes, isCounted = true } =
      subject ?? NO_SUBJECT;
    if (auditArgs === "redacted" && args !== undefined) {
      this.#args ??= redactJson(args.json, MAX_ARGS_BYTES);
    }
    return {
      timestamp: currentTime(),
      agent_id: shortened(caller.id, MAX_AGENT_ID_LENGTH) ?? null,
      claimed_agent_id: shortened(caller.claimedId, MAX_AGENT_ID_LENGTH),
      operation: name,
      server: isCounted ? server : shortened(server, MAX_UNKNOWN_NAME),
      tool: isCounted ? tool : shortened(tool, MAX_UNKNOWN_NAME),
      uri: isCounted ? uri : shortened(uri, MAX_UNKNOWN_NAME),
      uri_cut: isUriCut,
      prompt: isCounted ? prompt : shortened(prompt, MAX_UNKNOWN_NAME),
      rule,
      shadow,
      approval,
      session: firstRequest.session,
      request_id: firstRequest.requestId,
      parent: outer?.requestId,
      args_bytes: argsBytes,
      args: this.#args,
    };
  }
}

function auditDecision(outcome: Outcome, code: string | undefined): AuditEntry["decision"] {
  if (outcome.kind === "denied") return "DENY";
  return code === undefined ? "ALLOW" : "ERROR";
}

function shortened(text: string | undefined, length: number): string | undefined {
  return text === undefined ? undefined : startOfText(text, length);
}

function auditUnavailable(): CallerError {
  return new CallerError(
    "AUDIT_UNAVAILABLE",
    "The gateway's audit log cannot be written, and no call is made without a record. " +
      "The tool was not called. Tell the user to fix the audit log; the gateway's log has the reason.",
  );
}

/** Returns the error code of an outcome; `undefined` if it is not an error. */
function errorCode(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case "gateway-result":
    case "result":
    case "input-required":
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
