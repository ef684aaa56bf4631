import { isRecord } from "../json.ts";

/** An entry of the audit log, read from its line. */
export interface ParsedEntry {
  /** When the entry was written, in milliseconds since 1970. */
  readonly time: number;
  /** The calling agent; `""` if none was named. */
  readonly agent: string;
  /** The address of the client whose login or HTTP request was refused, or `""`. */
  readonly address: string;
  /** The gateway's tool that was called, or the request's method. */
  readonly operation: string;
  /** `ALLOW`, `DENY` or `ERROR`. */
  readonly decision: string;
  /** The decision of the rules that shadow mode did not enforce, `DENY` or `ASK`, or `""`. */
  readonly shadow: string;
  /** The approval that the call needed; absent if it needed none. */
  readonly approval: ParsedApproval | undefined;
  /** The server, or `""`. */
  readonly server: string;
  /** The server's tool, or `""`. */
  readonly tool: string;
  /** The URI of the resource, or `""`. */
  readonly uri: string;
  /** The server's prompt, or `""`. */
  readonly prompt: string;
  /** The error code, or `""`. */
  readonly code: string;
  /** Path of the rule that decided, or `""`. */
  readonly rule: string;
  /** Whether the server's tool returned an error. */
  readonly isToolError: boolean;
  readonly latencyMs: number;
  /** Number of answers that requested input from the client. */
  readonly rounds: number;
  /** `begun`, `ended`, or `""` if the operation has one entry. */
  readonly phase: string;
  /** Identifies the call: its session and its request id, as a JSON array. */
  readonly callId: string;
  /** Id of the request that ran the code which made the call, or `""`. */
  readonly parent: string;
  /** In a summary: number of refusals by code, or of lookups by tool. Empty in other entries. */
  readonly counts: Readonly<Record<string, number>>;
}

/** The approval of a call. */
export interface ParsedApproval {
  /** Id of the request. */
  readonly id: string;
  /** `client`, `shell`, `session`, or `""` if nobody decided. */
  readonly by: string;
}

/** Parses a line; `undefined` if it is not an entry. */
export function parseEntry(text: string): ParsedEntry | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const time = Date.parse(stringOrEmpty(fields.timestamp));
  const operation = stringOrEmpty(fields.operation);
  const decision = stringOrEmpty(fields.decision);
  if (Number.isNaN(time) || operation === "" || !/^(ALLOW|DENY|ERROR)$/.test(decision)) {
    return undefined;
  }
  return {
    time,
    agent: stringOrEmpty(fields.agent_id),
    address: stringOrEmpty(fields.address),
    operation,
    decision,
    shadow: stringOrEmpty(fields.shadow),
    approval: isRecord(fields.approval)
      ? { id: stringOrEmpty(fields.approval.id), by: stringOrEmpty(fields.approval.by) }
      : undefined,
    server: stringOrEmpty(fields.server),
    tool: stringOrEmpty(fields.tool),
    uri: stringOrEmpty(fields.uri),
    prompt: stringOrEmpty(fields.prompt),
    code: stringOrEmpty(fields.code),
    rule: stringOrEmpty(fields.rule),
    isToolError: fields.tool_error === true,
    latencyMs: typeof fields.latency_ms === "number" ? fields.latency_ms : 0,
    rounds: typeof fields.rounds === "number" ? fields.rounds : 0,
    phase: stringOrEmpty(fields.phase),
    callId: JSON.stringify([fields.session, fields.request_id]),
    parent: typeof fields.parent === "number"
      ? String(fields.parent)
      : stringOrEmpty(fields.parent),
    counts: isRecord(fields.counts) ? numbersIn(fields.counts) : {},
  };
}

function numbersIn(counts: Readonly<Record<string, unknown>>): Record<string, number> {
  const entries = Object.entries(counts).map(([key, count]) => {
    return [key, Number.isInteger(count) ? Number(count) : 0] as const;
  });
  return Object.fromEntries(entries);
}

function stringOrEmpty(value: unknown): string {
  return typeof value === "string" ? value : "";
}
