import { stats, tail } from "../../src/cli/audit.ts";
import type { Context } from "../../src/cli/command.ts";

/** The exit code and output of a command. */
export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A line of an audit log; a test sets only the members that it needs. */
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

async function capture(run: (context: Context) => Promise<number>): Promise<Printed> {
  let stdout = "";
  let stderr = "";
  const code = await run({
    stdout: { write: (text) => void (stdout += text) },
    stderr: { write: (text) => void (stderr += text) },
  });
  return { code, stdout, stderr };
}

const NO_FILTER = { since: undefined, agent: undefined };

/** Runs `audit stats`. */
export function runStats(
  file: string,
  given: { since?: number; agent?: string; json?: boolean } = {},
): Promise<Printed> {
  const flags = { json: true, ...NO_FILTER, ...given };
  return capture((context) => stats.run({ flags, args: [file], ...context }));
}

/** Runs `audit tail`. */
export function runTail(
  file: string,
  given: { lines?: number; agent?: string; since?: number; json?: boolean } = {},
): Promise<Printed> {
  const flags = { lines: 10, json: false, follow: false, ...NO_FILTER, ...given };
  return capture((context) => tail.run({ flags, args: [file], ...context }));
}
