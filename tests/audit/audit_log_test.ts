import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AuditLog } from "../../src/audit/mod.ts";
import { waitUntil } from "../e2e/wait.ts";
import {
  appendAndWait,
  createAuditEntry,
  createRecordingLog,
  readEntryIds,
  TestFolder,
} from "./audit_log_fixtures.ts";

const FULL_DISK = fileURLToPath(new URL("full_disk.ts", import.meta.url));

const ON_FULL_DISK: Readonly<Record<string, string>> = {
  recovery:
    "[audit.failing-disk] a full disk is reported once; waiting entries are written when there is room",
  bound: "[audit.failing-disk] waiting entries are bounded, and dropped ones are counted",
  elsewhere:
    "[audit.fallback] while the disk of the configured path is full, the fallback is written",
};

for (const [key, name] of Object.entries(ON_FULL_DISK)) {
  Deno.test({
    name,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      // Deno opens a device only if everything is allowed, which is not the case in tests.
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-check", "--allow-all", FULL_DISK, key],
        stdin: "null",
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    },
  });
}

Deno.test({
  name: "[audit.failing-disk] a deleted folder is created again",
  // Windows cannot delete an open file.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("logs", "audit.jsonl");
    const log = createRecordingLog();
    const audit = new AuditLog({ path, fallbackPath: folder.pathOf("no.jsonl"), log });
    await appendAndWait(audit, createAuditEntry());
    Deno.removeSync(folder.pathOf("logs"), { recursive: true });
    // Answers may be sent before the deletion is noticed; none of the entries is lost.
    for (let number = 0; number < 10; number++) {
      await appendAndWait(audit, createAuditEntry({ request_id: number }));
    }
    await waitUntil("there is a log again", () => exists(path));
    await appendAndWait(audit, createAuditEntry({ request_id: "last" }));
    const wanted = Array.from({ length: 10 }, (_, number) => `a ${number}`);
    assert.deepEqual(readEntryIds(path), ["a 1", ...wanted, "a last"]);
    assert.deepEqual(log.messages, ["warn The audit log was deleted; a new file was created"]);
    assert.deepEqual(log.fields.at(-1), { path, rewritten: 11, lost: 0 });
    assert.deepEqual([audit.status().failures, audit.status().dropped], [0, 0]);
    audit.close();
  },
});

Deno.test({
  name: "[audit.failing-disk] a moved file is created again and reported; no line is lost",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const log = createRecordingLog();
    const audit = new AuditLog({ path, fallbackPath: folder.pathOf("no.jsonl"), log });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    Deno.renameSync(path, folder.pathOf("moved.jsonl"));
    await appendAndWait(audit, createAuditEntry({ request_id: "second" }));
    await waitUntil("there is a log again", () => exists(path));
    await appendAndWait(audit, createAuditEntry({ request_id: "third" }));
    assert.deepEqual(readEntryIds(folder.pathOf("moved.jsonl")), ["a first", "a second"]);
    assert.deepEqual(readEntryIds(path), ["a third"]);
    assert.deepEqual(log.messages, ["warn The audit log was moved; a new file was created"]);
    audit.close();
  },
});

Deno.test({
  name: "[audit.failing-disk] lines of a deleted file go to the fallback if no file can be created",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("logs", "audit.jsonl");
    const fallbackPath = folder.pathOf("state", "audit.jsonl");
    const audit = new AuditLog({ path, fallbackPath, log: createRecordingLog() });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    Deno.removeSync(path);
    await appendAndWait(audit, createAuditEntry({ request_id: "second" }));
    // A folder at the path, so that no file can be created there.
    Deno.mkdirSync(path);
    await waitUntil("the log is at the fallback", () => audit.path === fallbackPath);
    assert.deepEqual(readEntryIds(fallbackPath), ["a first", "a second"]);
    audit.close();
  },
});

Deno.test({
  name:
    "[audit.shared] a file that another gateway has rotated is left immediately, without a message",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const log = createRecordingLog();
    const options = { path, fallbackPath: folder.pathOf("no.jsonl"), log, maxBytes: 1000 };
    const [one, other] = [new AuditLog(options), new AuditLog(options)];
    await appendAndWait(other, createAuditEntry({ agent_id: "other", request_id: 0 }));
    for (let number = 0; !exists(`${path}.1`); number++) {
      await appendAndWait(one, createAuditEntry({ agent_id: "one", request_id: number }));
    }
    const wanted = ["other 0"];
    await waitUntil("it writes to the new file", async () => {
      wanted.push(`other ${wanted.length}`);
      await appendAndWait(
        other,
        createAuditEntry({ agent_id: "other", request_id: wanted.length - 1 }),
      );
      return readEntryIds(path).includes(wanted.at(-1) ?? "");
    });
    const all = [...readEntryIds(`${path}.1`), ...readEntryIds(path)];
    assert.deepEqual(all.filter((id) => id.startsWith("other")), wanted);
    assert.deepEqual(log.messages, []);
    one.close();
    other.close();
  },
});

Deno.test({
  name: "[audit.failing-disk] an unwritable folder fails no operation, and the fallback is used",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("logs", "audit.jsonl");
    const fallbackPath = folder.pathOf("state", "audit.jsonl");
    const log = createRecordingLog();
    const audit = new AuditLog({ path, fallbackPath, log });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    // Modes do not apply to root, but no user can create a file inside a file.
    Deno.renameSync(folder.pathOf("logs"), folder.pathOf("moved"));
    Deno.writeTextFileSync(folder.pathOf("logs"), "");
    const wanted = ["a first"];
    await waitUntil("the log is at the fallback", async () => {
      wanted.push(`a ${wanted.length}`);
      await appendAndWait(audit, createAuditEntry({ request_id: wanted.length - 1 }));
      return audit.path === fallbackPath;
    });
    audit.close();
    assert.deepEqual([
      ...readEntryIds(folder.pathOf("moved", "audit.jsonl")),
      ...readEntryIds(fallbackPath),
    ], wanted);
    assert.deepEqual(log.messages.map((text) => text.split(" ")[0]), ["warn"]);
  },
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
