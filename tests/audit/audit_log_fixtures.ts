import { join } from "node:path";
import type { AuditEntry, AuditTrail } from "../../src/audit/mod.ts";
import type { Log, LogFields } from "../../src/log.ts";

/** A log that only records its messages, each as `level message`. */
export interface RecordingLog extends Log {
  readonly messages: string[];
  /** Fields of each message. */
  readonly fields: LogFields[];
}

export function createRecordingLog(): RecordingLog {
  const messages: string[] = [];
  const fields: LogFields[] = [];
  const createMethod =
    (level: string) => (message: string, messageFields: LogFields = {}): void => {
      messages.push(`${level} ${message}`);
      fields.push(messageFields);
    };
  return {
    messages,
    fields,
    debug: createMethod("debug"),
    info: createMethod("info"),
    warn: createMethod("warn"),
    error: createMethod("error"),
  };
}

/** Creates an audit entry; a test sets only the members that it needs. */
export function createAuditEntry(members: Partial<AuditEntry> = {}): AuditEntry {
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
    ...members,
  };
}

/** A temporary folder, deleted when it is disposed. */
export class TestFolder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "audit_" });

  /** Returns a path in the folder. */
  pathOf(...names: string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Reads the entries of a file, each as `agent_id request_id`; throws if a line is incomplete. */
export function readEntryIds(path: string): string[] {
  const text = Deno.readTextFileSync(path);
  if (text !== "" && !text.endsWith("\n")) throw new Error(`${path} ends within a line`);
  // An empty line may separate the lines of two processes.
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const { agent_id, request_id } = JSON.parse(line);
    return `${agent_id} ${request_id}`;
  });
}

/** Appends an entry, and waits until it is written. */
export async function appendAndWait(audit: AuditTrail, entry: AuditEntry): Promise<void> {
  audit.append(entry);
  await audit.untilWritten();
}
