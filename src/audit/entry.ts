/** How an operation ended, for the record. */
export type Decided = "ALLOW" | "DENY" | "ERROR";

/** One operation, as the audit log has it. */
export interface AuditEntry {
  /** When it ended, ISO 8601 in UTC. */
  readonly timestamp: string;
  /** Who called; null where nobody was named. A refused name is cut at 128 characters. */
  readonly agent_id: string | null;
  /** The gateway's tool. */
  readonly operation: string;
  /** `DENY` for refusals by identity, policy and rate; `ERROR` for all that failed. */
  readonly decision: Decided;
  /** The server it was about. */
  readonly server?: string;
  /** The server's tool it was about. */
  readonly tool?: string;
  /** Code of the error, where it is one. */
  readonly code?: string;
  /** The rule that decided. */
  readonly rule?: string;
  /** Milliseconds from the request to its answer. */
  readonly latency_ms: number;
  /** Milliseconds of these that the server took. */
  readonly downstream_ms?: number;
  /** Id of the client's connection. */
  readonly session: string;
  /** Id of the client's request. */
  readonly request_id: string | number;
  /** Size of the tool's arguments in UTF-8 bytes. */
  readonly args_bytes?: number;
  /** Size of the result in UTF-8 bytes. */
  readonly result_bytes?: number;
  /** The tool's arguments without secrets, as JSON text; the line has the value. */
  readonly args?: string;
}

/** Longest text in an entry, in UTF-16 code units; callers choose some of them. */
const MAX_TEXT = 256;

/** Writes an entry as one line, with its line feed. */
export function auditLine({ args, ...entry }: AuditEntry): string {
  const line = JSON.stringify(entry, (_key, value: unknown) => {
    if (typeof value === "number") return Math.round(value * 1000) / 1000;
    return typeof value === "string" && value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value;
  });
  return args === undefined ? `${line}\n` : `${line.slice(0, -1)},"args":${args}}\n`;
}
