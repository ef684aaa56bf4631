import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AuditLog } from "../../src/audit/mod.ts";
import {
  appendAndWait,
  createAuditEntry,
  createRecordingLog,
  readEntryIds,
  TestFolder,
} from "./audit_log_fixtures.ts";

const WRITER = fileURLToPath(new URL("audit_writer.ts", import.meta.url));
const isWindows = Deno.build.os === "windows";

function filesOf(folder: TestFolder): string[] {
  return [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
}

function startWriter(args: string[], shell?: string): Promise<Deno.CommandOutput> {
  const words = ["run", "--quiet", "--no-check", "--allow-read", "--allow-write", WRITER, ...args];
  const command = shell === undefined
    ? new Deno.Command(Deno.execPath(), { args: words, stdin: "null" })
    : new Deno.Command("sh", { args: ["-c", shell, Deno.execPath(), ...words], stdin: "null" });
  return command.output();
}

Deno.test("[audit.rotation] five files are kept, with the newest lines", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const audit = new AuditLog({
    path,
    fallbackPath: folder.pathOf("no.jsonl"),
    log: createRecordingLog(),
    maxBytes: 1000,
  });
  for (let number = 0; number < 100; number++) {
    await appendAndWait(audit, createAuditEntry({ request_id: number }));
  }
  audit.close();
  const names = ["", ".1", ".2", ".3", ".4"].map((end) => `audit.jsonl${end}`);
  assert.deepEqual(filesOf(folder), names);
  const kept = names.toReversed().flatMap((name) => readEntryIds(folder.pathOf(name)));
  const first = 100 - kept.length;
  assert.ok(kept.length >= 20 && first > 0, `${kept.length} lines`);
  assert.deepEqual(kept, kept.map((_, index) => `a ${first + index}`));
  for (const name of names) {
    const { size, mode } = Deno.statSync(folder.pathOf(name));
    assert.ok(size < 1000 + 300, `${size} bytes`);
    if (!isWindows) assert.equal((mode ?? 0) & 0o777, 0o600);
  }
});

Deno.test({
  name: "[audit.shared] four processes share a log that is rotated repeatedly",
  // Windows cannot rename an open file.
  ignore: isWindows,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const names = ["one", "two", "three", "four"];
    const ended = await Promise.all(names.map((name) => {
      return startWriter([path, folder.pathOf("no.jsonl"), name, "2000", "20000"]);
    }));
    for (const { code, stdout, stderr } of ended) {
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), { failures: 0, dropped: 0 });
    }
    const files = filesOf(folder);
    assert.ok(files.length > 10, `${files.length} files`);
    const found = files.flatMap((name) => readEntryIds(folder.pathOf(name)));
    const wanted = names.flatMap((name) => Array.from({ length: 2000 }, (_, n) => `${name} ${n}`));
    assert.deepEqual(found.sort(), wanted.sort());
  },
});

Deno.test({
  name: "[audit.rotation] a process that keeps the file locked delays no one",
  ignore: isWindows,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const options = {
      path,
      fallbackPath: folder.pathOf("no.jsonl"),
      log: createRecordingLog(),
      maxBytes: 1000,
    };
    const audit = new AuditLog(options);
    await appendAndWait(audit, createAuditEntry());
    {
      using other = Deno.openSync(path);
      other.lockSync(false);
      for (let number = 0; number < 20; number++) await appendAndWait(audit, createAuditEntry());
    }
    assert.deepEqual(filesOf(folder), ["audit.jsonl"]);
    audit.close();
    // The next process that opens the log rotates it.
    const next = new AuditLog(options);
    await appendAndWait(next, createAuditEntry());
    next.close();
    assert.deepEqual(filesOf(folder), ["audit.jsonl", "audit.jsonl.1"]);
    assert.equal(readEntryIds(`${path}.1`).length + readEntryIds(path).length, 22);
  },
});

Deno.test({
  name: "[audit.rotation] a device is not rotated",
  ignore: isWindows,
  fn: async () => {
    using folder = new TestFolder();
    // A rotation would rename the link, not the device.
    const path = folder.pathOf("audit.jsonl");
    Deno.symlinkSync("/dev/null", path);
    const fallbackPath = folder.pathOf("no.jsonl");
    const audit = new AuditLog({ path, fallbackPath, log: createRecordingLog(), maxBytes: 1000 });
    for (let number = 0; number < 20; number++) await appendAndWait(audit, createAuditEntry());
    audit.close();
    assert.deepEqual(filesOf(folder), ["audit.jsonl"]);
    assert.equal(Deno.readLinkSync(path), "/dev/null");
  },
});

Deno.test({
  name: "[audit.failing-disk] a partial write leaves no half line",
  ignore: isWindows,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    // The system aborts the write that would make the file longer than 8 blocks.
    const shell = 'trap \'\' XFSZ; ulimit -f 8; exec "$0" "$@"';
    const { code, stdout, stderr } = await startWriter([path, path, "one", "200"], shell);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const { failures, dropped } = JSON.parse(new TextDecoder().decode(stdout));
    const found = readEntryIds(path);
    assert.ok(failures > 0 && found.length > 10, `${failures} failures, ${found.length} lines`);
    assert.deepEqual(found, found.map((_, index) => `one ${index}`));
    assert.equal(found.length + dropped, 200);
  },
});

Deno.test("[audit.failing-disk] an entry gets a line of its own, even after half a line", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  Deno.writeTextFileSync(path, '{"timestamp":"20');
  const audit = new AuditLog({ path, fallbackPath: path, log: createRecordingLog() });
  await appendAndWait(audit, createAuditEntry());
  await appendAndWait(audit, createAuditEntry());
  audit.close();
  const lines = Deno.readTextFileSync(path).split("\n");
  assert.equal(lines.length, 4);
  assert.equal(JSON.parse(lines[1] ?? "").agent_id, "a");
  assert.equal(JSON.parse(lines[2] ?? "").agent_id, "a");
});
