/** Tests of an audit log whose disk is full; the argument names the case. */
import assert from "node:assert/strict";
import { auditLine, AuditTrail } from "../../src/audit/mod.ts";
import { isFile } from "../../src/file_identity.ts";
import { waitUntil } from "../e2e/wait.ts";
import {
  appendAndWait,
  createAuditEntry,
  createRecordingLog,
  readEntryIds,
  TestFolder,
} from "./audit_log_fixtures.ts";

/** Size of the log, in bytes, at which the disk is full. */
const FULL_BYTES = 64 * 1024;

/** Makes the system abort writes that would exceed a file size, or allows any size again. */
async function limitFileSize(bytes: number | "unlimited"): Promise<void> {
  const args = ["--pid", `${Deno.pid}`, `--fsize=${bytes}:`];
  assert.ok((await new Deno.Command("prlimit", { args }).output()).success);
}

/** Creates a log whose only entry has `FULL_BYTES`, so that there is no space for another entry. */
function fillLog(path: string): void {
  const line = auditLine(createAuditEntry({ request_id: "full" }));
  Deno.writeTextFileSync(path, `${line.trimEnd().padEnd(FULL_BYTES - 1)}\n`, { mode: 0o600 });
}

const CASES: Readonly<Record<string, () => void | Promise<void>>> = {
  async recovery() {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    fillLog(path);
    await limitFileSize(FULL_BYTES);
    const log = createRecordingLog();
    const audit = new AuditTrail({ path, fallbackPath: path, log, retryMs: 5 });
    for (let number = 0; number < 50; number++) {
      await appendAndWait(audit, createAuditEntry({ request_id: number }));
    }
    await waitUntil("the write is tried again", () => audit.status().failures > 5);
    assert.equal(audit.status().waiting, 50);
    assert.deepEqual([audit.status().path, audit.status().dropped], [null, 0]);
    assert.deepEqual(log.messages.map((text) => text.split(" ")[0]), ["error"]);
    await limitFileSize("unlimited");
    // The entries are written without another append.
    await waitUntil("the waiting entries are written", () => audit.status().waiting === 0);
    await appendAndWait(audit, createAuditEntry({ request_id: 50 }));
    assert.deepEqual(
      readEntryIds(path),
      ["a full", ...Array.from({ length: 51 }, (_, number) => `a ${number}`)],
    );
    assert.deepEqual(log.messages.map((text) => text.split(" ")[0]), ["error", "info"]);
    audit.close();
  },
  async deleted() {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const log = createRecordingLog();
    const audit = new AuditTrail({ path, fallbackPath: path, log, retryMs: 5 });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    Deno.removeSync(path);
    // A new file can be created, but nothing can be written to it.
    await limitFileSize(0);
    await waitUntil("the file was created again", () => isFile(path));
    await waitUntil("the entry waits", () => audit.status().waiting === 1);
    await limitFileSize("unlimited");
    await waitUntil("the entry is written", () => audit.status().waiting === 0);
    await appendAndWait(audit, createAuditEntry({ request_id: "second" }));
    assert.deepEqual(readEntryIds(path), ["a first", "a second"]);
    audit.close();
  },
  async limit() {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    fillLog(path);
    await limitFileSize(FULL_BYTES);
    const log = createRecordingLog();
    const audit = new AuditTrail({ path, fallbackPath: path, log });
    const entry = createAuditEntry({ args: JSON.stringify("x".repeat(4000)) });
    for (let number = 0; number < 1000; number++) await appendAndWait(audit, entry);
    const { waiting, dropped } = audit.status();
    assert.equal(waiting + dropped, 1000);
    assert.ok(waiting > 200 && waiting * 4000 <= 1024 * 1024, `${waiting} entries wait`);
    audit.close();
    assert.equal(audit.status().dropped, 1000);
    assert.match(log.messages.at(-1) ?? "", /^error .*lost/);
    assert.deepEqual(readEntryIds(path), ["a full"]);
  },
  async fallback() {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    fillLog(path);
    await limitFileSize(FULL_BYTES);
    const log = createRecordingLog();
    const fallbackPath = folder.pathOf("state", "audit.jsonl");
    const audit = new AuditTrail({ path, fallbackPath, log, pathRetryMs: 0.001 });
    for (let number = 0; number < 5; number++) {
      await appendAndWait(audit, createAuditEntry({ request_id: number }));
    }
    assert.equal(audit.path, fallbackPath);
    // Every entry is on disk as soon as its append is complete.
    assert.deepEqual(readEntryIds(fallbackPath), ["a 0", "a 1", "a 2", "a 3", "a 4"]);
    assert.deepEqual(log.messages.map((text) => text.split(" ")[0]), ["warn"]);
    assert.ok(log.messages[0]?.includes(path) && log.messages[0].includes(fallbackPath));
    await limitFileSize("unlimited");
    await appendAndWait(audit, createAuditEntry({ request_id: 5 }));
    await appendAndWait(audit, createAuditEntry({ request_id: 6 }));
    assert.equal(audit.path, path);
    assert.deepEqual(readEntryIds(path), ["a full", "a 5", "a 6"]);
    audit.close();
  },
};

const runCase = CASES[Deno.args[0] ?? ""];
assert.ok(runCase);
await runCase();
