import { join } from "node:path";
import type { AuditEntry, AuditLog } from "../../src/audit/mod.ts";
import type { Log, LogFields } from "../../src/log.ts";

/** A log that keeps its messages as `level message`. */
export interface KeptLog extends Log {
  readonly messages: string[];
  /** Fields of each message. */
  readonly fields: LogFields[];
}

/** Makes a log that only keeps its messages. */
export function silentLog(): KeptLog {
  const messages: string[] = [];
  const fields: LogFields[] = [];
  const at = (level: string) => (message: string, about: LogFields = {}): void => {
    messages.push(`${level} ${message}`);
    fields.push(about);
  };
  return {
    messages,
    fields,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

/** An audit entry; a test sets only the members that it needs. */
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

/** A temporary folder. */
export class TestFolder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "audit_" });

  /** A path in the folder. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Entries of a file as `agent request_id`; throws if a line is incomplete. */
export function idsIn(path: string): string[] {
  const text = Deno.readTextFileSync(path);
  if (text !== "" && !text.endsWith("\n")) throw new Error(`${path} ends within a line`);
  // An empty line may separate the lines of two processes.
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const { agent_id, request_id } = JSON.parse(line);
    return `${agent_id} ${request_id}`;
  });
}

/** Appends an entry, and waits until it is written. */
export async function record(audit: AuditLog, entry: AuditEntry): Promise<void> {
  audit.append(entry);
  await audit.written();
}
