import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AuditTrail } from "../../src/audit/mod.ts";
import { isFile } from "../../src/file_identity.ts";
import { waitUntil } from "../e2e/wait.ts";
import {
  appendAndWait,
  createAuditEntry,
  createRecordingLog,
  readEntryIds,
  TestFolder,
} from "./audit_log_fixtures.ts";

const FULL_DISK_PATH = fileURLToPath(new URL("full_disk.ts", import.meta.url));

const FULL_DISK_TESTS: Readonly<Record<string, string>> = {
  recovery:
    "[audit.failing-disk] a full disk is reported once, and waiting entries are written when there is space again",
  deleted:
    "[audit.failing-disk] the entries of a deleted file are kept while the new file cannot be written",
  limit:
    "[audit.failing-disk] the size of the waiting entries is bounded, and dropped entries are counted",
  fallback:
    "[audit.fallback] while the disk of the configured path is full, entries are written to the fallback",
};

for (const [key, name] of Object.entries(FULL_DISK_TESTS)) {
  Deno.test({
    name,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      // A limit on the size of files replaces a full disk. The shell ignores the signal of the limit, which
      // would end the process.
      const args = ["run", "--quiet", "--no-check", "--allow-all", FULL_DISK_PATH, key];
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", 'trap "" XFSZ; exec "$0" "$@"', Deno.execPath(), ...args],
        stdin: "null",
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    },
  });
}

Deno.test({
  name:
    "[audit.failing-disk] a deleted folder is created again, and the entries of the deleted file are written again",
  // Windows cannot delete an open file.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("logs", "audit.jsonl");
    const log = createRecordingLog();
    const audit = new AuditTrail({ path, fallbackPath: folder.pathOf("no.jsonl"), log });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    Deno.removeSync(folder.pathOf("logs"), { recursive: true });
    // Entries may be appended before the deletion is noticed; all of them are written again.
    for (let number = 0; number < 10; number++) {
      await appendAndWait(audit, createAuditEntry({ request_id: number }));
    }
    await waitUntil("the log exists again", () => isFile(path));
    await appendAndWait(audit, createAuditEntry({ request_id: "last" }));
    const expectedIds = Array.from({ length: 10 }, (_, number) => `a ${number}`);
    assert.deepEqual(readEntryIds(path), ["a first", ...expectedIds, "a last"]);
    assert.deepEqual(log.messages, ["warn The audit log was deleted; a new file was created"]);
    assert.deepEqual(log.fields.at(-1), { path, rewritten: 11, lost: 0 });
    assert.deepEqual([audit.status().failures, audit.status().dropped], [0, 0]);
    audit.close();
  },
});

Deno.test({
  name:
    "[audit.failing-disk] if the file is moved, a new file is created and reported, and no entry is lost",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const log = createRecordingLog();
    const audit = new AuditTrail({ path, fallbackPath: folder.pathOf("no.jsonl"), log });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    Deno.renameSync(path, folder.pathOf("moved.jsonl"));
    await appendAndWait(audit, createAuditEntry({ request_id: "second" }));
    await waitUntil("the log exists again", () => isFile(path));
    await appendAndWait(audit, createAuditEntry({ request_id: "third" }));
    assert.deepEqual(readEntryIds(folder.pathOf("moved.jsonl")), ["a first", "a second"]);
    assert.deepEqual(readEntryIds(path), ["a third"]);
    assert.deepEqual(log.messages, ["warn The audit log was moved; a new file was created"]);
    audit.close();
  },
});

Deno.test({
  name:
    "[audit.failing-disk] entries of a deleted file are written to the fallback if the file cannot be created again",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("logs", "audit.jsonl");
    const fallbackPath = folder.pathOf("state", "audit.jsonl");
    const audit = new AuditTrail({ path, fallbackPath, log: createRecordingLog() });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    Deno.removeSync(path);
    await appendAndWait(audit, createAuditEntry({ request_id: "second" }));
    // A folder at the path prevents the creation of a file.
    Deno.mkdirSync(path);
    await waitUntil("the log is at the fallback", () => audit.path === fallbackPath);
    assert.deepEqual(readEntryIds(fallbackPath), ["a first", "a second"]);
    audit.close();
  },
});

Deno.test({
  name:
    "[audit.shared] after another gateway has rotated the file, entries go to the new file, and nothing is logged",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const log = createRecordingLog();
    const options = { path, fallbackPath: folder.pathOf("no.jsonl"), log, maxBytes: 1000 };
    const [audit, otherAudit] = [new AuditTrail(options), new AuditTrail(options)];
    await appendAndWait(otherAudit, createAuditEntry({ agent_id: "other", request_id: 0 }));
    for (let number = 0; !isFile(`${path}.1`); number++) {
      await appendAndWait(audit, createAuditEntry({ agent_id: "one", request_id: number }));
    }
    const expectedIds = ["other 0"];
    await waitUntil("the other gateway writes to the new file", async () => {
      expectedIds.push(`other ${expectedIds.length}`);
      await appendAndWait(
        otherAudit,
        createAuditEntry({ agent_id: "other", request_id: expectedIds.length - 1 }),
      );
      return readEntryIds(path).includes(expectedIds.at(-1) ?? "");
    });
    const entryIds = [...readEntryIds(`${path}.1`), ...readEntryIds(path)];
    assert.deepEqual(entryIds.filter((id) => id.startsWith("other")), expectedIds);
    assert.deepEqual(log.messages, []);
    audit.close();
    otherAudit.close();
  },
});

Deno.test({
  name:
    "[audit.failing-disk] if the folder is not writable, entries are written to the fallback and none is lost",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("logs", "audit.jsonl");
    const fallbackPath = folder.pathOf("state", "audit.jsonl");
    const log = createRecordingLog();
    const audit = new AuditTrail({ path, fallbackPath, log });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    // Modes do not apply to root, but no user can create a file inside a file.
    Deno.renameSync(folder.pathOf("logs"), folder.pathOf("moved"));
    Deno.writeTextFileSync(folder.pathOf("logs"), "");
    const expectedIds = ["a first"];
    await waitUntil("the log is at the fallback", async () => {
      expectedIds.push(`a ${expectedIds.length}`);
      await appendAndWait(audit, createAuditEntry({ request_id: expectedIds.length - 1 }));
      return audit.path === fallbackPath;
    });
    audit.close();
    assert.deepEqual([
      ...readEntryIds(folder.pathOf("moved", "audit.jsonl")),
      ...readEntryIds(fallbackPath),
    ], expectedIds);
    assert.deepEqual(log.messages.map((text) => text.split(" ")[0]), ["warn"]);
  },
});
