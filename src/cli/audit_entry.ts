/** An entry of the audit log, as far as its line could be read. */
export interface ReadEntry {
  /** When the operation ended, in milliseconds since 1970. */
  readonly time: number;
  /** The calling agent; `""` if none was named. */
  readonly agent: string;
  /** The gateway's tool. */
  readonly operation: string;
  /** `ALLOW`, `DENY` or `ERROR`. */
  readonly decision: string;
  /** The server, or `""`. */
  readonly server: string;
  /** The server's tool, or `""`. */
  readonly tool: string;
  /** The error code, or `""`. */
  readonly code: string;
  /** Path of the rule that decided, or `""`. */
  readonly rule: string;
  /** Whether the server's tool returned an error. */
  readonly isToolError: boolean;
  readonly latencyMs: number;
}

/** Parses a line; `undefined` if it is not an entry. */
export function readEntry(text: string): ReadEntry | undefined {
  let line: Record<string, unknown>;
  try {
    line = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const time = Date.parse(textOf(line.timestamp));
  const operation = textOf(line.operation);
  const decision = textOf(line.decision);
  if (Number.isNaN(time) || operation === "" || !/^(ALLOW|DENY|ERROR)$/.test(decision)) {
    return undefined;
  }
  return {
    time,
    agent: textOf(line.agent_id),
    operation,
    decision,
    server: textOf(line.server),
    tool: textOf(line.tool),
    code: textOf(line.code),
    rule: textOf(line.rule),
    isToolError: line.tool_error === true,
    latencyMs: typeof line.latency_ms === "number" ? line.latency_ms : 0,
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
