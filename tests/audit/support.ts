import { join } from "node:path";
import type { AuditEntry, AuditLog } from "../../src/audit/mod.ts";
import type { Log, LogFields } from "../../src/log.ts";

/** A log that keeps what it is told, as `level message`. */
export interface KeptLog extends Log {
  readonly told: string[];
  /** What each was about. */
  readonly fields: LogFields[];
}

/** Makes a log that writes nowhere. */
export function silentLog(): KeptLog {
  const told: string[] = [];
  const fields: LogFields[] = [];
  const at = (level: string) => (message: string, about: LogFields = {}): void => {
    told.push(`${level} ${message}`);
    fields.push(about);
  };
  return {
    told,
    fields,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

/** An operation, with what matters to the test. */
export function testEntry(more: Partial<AuditEntry> = {}): AuditEntry {
  return {
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
  };
}

/** A folder that is gone with the test. */
export class TestFolder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "audit_" });

  /** A path in it. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** What entries a file has, as `agent request_id`; fails where a line is not whole. */
export function idsIn(path: string): string[] {
  const text = Deno.readTextFileSync(path);
  if (text !== "" && !text.endsWith("\n")) throw new Error(`${path} ends within a line`);
  // Between processes there may be an empty line, which is none.
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const { agent_id, request_id } = JSON.parse(line);
    return `${agent_id} ${request_id}`;
  });
}

/** Takes an entry, and waits until it is written. */
export async function record(audit: AuditLog, entry: AuditEntry): Promise<void> {
  audit.append(entry);
  await audit.written();
}
