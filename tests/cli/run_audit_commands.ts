import { stats, tail } from "../../src/cli/audit.ts";
import type { Streams } from "../../src/cli/command.ts";

/** The exit code and output of a command. */
export interface CommandOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Creates a line of an audit log; a test sets only the members that it needs. */
export function createAuditLine(members: Readonly<Record<string, unknown>> = {}): string {
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
      ...members,
    })
  }\n`;
}

async function captureOutput(run: (streams: Streams) => Promise<number>): Promise<CommandOutput> {
  let stdout = "";
  let stderr = "";
  const code = await run({
    stdout: { write: (text) => void (stdout += text) },
    stderr: { write: (text) => void (stderr += text) },
  });
  return { code, stdout, stderr };
}

const NO_FILTER = { since: undefined, agent: undefined, shadow: false };

/** Runs `audit stats`. */
export function runStats(
  file: string,
  options: { since?: number; agent?: string; shadow?: boolean; json?: boolean } = {},
): Promise<CommandOutput> {
  const flags = { json: true, ...NO_FILTER, ...options };
  return captureOutput((streams) => stats.run({ flags, args: [file], ...streams }));
}

/** Runs `audit tail`. */
export function runTail(
  file: string,
  options: { lines?: number; agent?: string; since?: number; shadow?: boolean; json?: boolean } =
    {},
): Promise<CommandOutput> {
  const flags = { lines: 10, json: false, follow: false, ...NO_FILTER, ...options };
  return captureOutput((streams) => tail.run({ flags, args: [file], ...streams }));
}
