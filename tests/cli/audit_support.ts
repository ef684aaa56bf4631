import { auditStats, auditTail } from "../../src/cli/audit.ts";

/** What a command gave. */
export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A line of an audit log, with what matters to the test. */
export function auditText(more: Readonly<Record<string, unknown>> = {}): string {
  return `${
    JSON.stringify({
      timestamp: "2026-01-31T08:00:00.000Z",
      agent_id: "a",
      operation: "execute_tool",
      decision: "ALLOW",
      server: "files",
      tool: "read",
      latency_ms: 1.5,
      session: "session-1",
      request_id: 1,
      ...more,
    })
  }\n`;
}

function capture(run: (outputs: Parameters<typeof auditStats>[1]) => number): Printed {
  let stdout = "";
  let stderr = "";
  const code = run({
    stdout: { write: (text) => void (stdout += text) },
    stderr: { write: (text) => void (stderr += text) },
  });
  return { code, stdout, stderr };
}

/** Runs `audit stats`. */
export function runStats(file: string, flags: { since?: number; agent?: string } = {}): Printed {
  return capture((outputs) => auditStats({ json: true, ...flags, file }, outputs));
}

/** Runs `audit stats` for people. */
export function runStatsText(file: string): Printed {
  return capture((outputs) => auditStats({ json: false, file }, outputs));
}

/** Runs `audit tail`. */
export function runTail(
  file: string,
  flags: { lines?: number; agent?: string; since?: number; json?: boolean } = {},
): Printed {
  return capture((outputs) =>
    auditTail({ lines: 10, json: false, follow: false, ...flags, file }, outputs)
  );
}
