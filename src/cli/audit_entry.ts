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
  let line: Record<string, unknown>;
  try {
    line = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const time = Date.parse(stringOrEmpty(line.timestamp));
  const operation = stringOrEmpty(line.operation);
  const decision = stringOrEmpty(line.decision);
  if (Number.isNaN(time) || operation === "" || !/^(ALLOW|DENY|ERROR)$/.test(decision)) {
    return undefined;
  }
  return {
    time,
    agent: stringOrEmpty(line.agent_id),
    address: stringOrEmpty(line.address),
    operation,
    decision,
    shadow: stringOrEmpty(line.shadow),
    approval: isRecord(line.approval)
      ? { id: stringOrEmpty(line.approval.id), by: stringOrEmpty(line.approval.by) }
      : undefined,
    server: stringOrEmpty(line.server),
    tool: stringOrEmpty(line.tool),
    uri: stringOrEmpty(line.uri),
    prompt: stringOrEmpty(line.prompt),
    code: stringOrEmpty(line.code),
    rule: stringOrEmpty(line.rule),
    isToolError: line.tool_error === true,
    latencyMs: typeof line.latency_ms === "number" ? line.latency_ms : 0,
    rounds: typeof line.rounds === "number" ? line.rounds : 0,
    phase: stringOrEmpty(line.phase),
    callId: JSON.stringify([line.session, line.request_id]),
    parent: typeof line.parent === "number" ? String(line.parent) : stringOrEmpty(line.parent),
    counts: isRecord(line.counts) ? numbersIn(line.counts) : {},
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
