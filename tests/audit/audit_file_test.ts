import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AuditTrail } from "../../src/audit/mod.ts";
import {
  appendAndWait,
  createAuditEntry,
  createRecordingLog,
  readEntryIds,
  TestFolder,
} from "./audit_log_fixtures.ts";

const WRITER_PATH = fileURLToPath(new URL("audit_writer.ts", import.meta.url));
const IS_WINDOWS = Deno.build.os === "windows";

function listFileNames(folder: TestFolder): string[] {
  return [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
}

/** Runs `audit_writer.ts`, or a shell script that runs it as `"$0" "$@"`. */
function runWriter(args: string[], shellScript?: string): Promise<Deno.CommandOutput> {
  const denoArgs = [
    "run",
    "--quiet",
    "--no-check",
    "--allow-read",
    "--allow-write",
    WRITER_PATH,
    ...args,
  ];
  const command = shellScript === undefined
    ? new Deno.Command(Deno.execPath(), { args: denoArgs, stdin: "null" })
    : new Deno.Command("sh", {
      args: ["-c", shellScript, Deno.execPath(), ...denoArgs],
      stdin: "null",
    });
  return command.output();
}

Deno.test("[audit.rotation] the five newest files are kept", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const audit = new AuditTrail({
    path,
    fallbackPath: folder.pathOf("no.jsonl"),
    log: createRecordingLog(),
    maxBytes: 1000,
  });
  for (let number = 0; number < 100; number++) {
    await appendAndWait(audit, createAuditEntry({ request_id: number }));
  }
  audit.close();
  const names = ["", ".1", ".2", ".3", ".4"].map((suffix) => `audit.jsonl${suffix}`);
  assert.deepEqual(listFileNames(folder), names);
  const entryIds = names.toReversed().flatMap((name) => readEntryIds(folder.pathOf(name)));
  const firstNumber = 100 - entryIds.length;
  assert.ok(entryIds.length >= 20 && firstNumber > 0, `${entryIds.length} entries`);
  assert.deepEqual(entryIds, entryIds.map((_, index) => `a ${firstNumber + index}`));
  for (const name of names) {
    const { size, mode } = Deno.statSync(folder.pathOf(name));
    // A file is rotated after the entry that exceeds 1000 bytes; an entry has less than 300 bytes.
    assert.ok(size < 1000 + 300, `${size} bytes`);
    if (!IS_WINDOWS) assert.equal((mode ?? 0) & 0o777, 0o600);
  }
});

Deno.test({
  name: "[audit.shared] four processes share a log that is rotated repeatedly",
  // Windows cannot rename an open file.
  ignore: IS_WINDOWS,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const names = ["one", "two", "three", "four"];
    const outputs = await Promise.all(names.map((name) => {
      return runWriter([path, folder.pathOf("no.jsonl"), name, "2000", "20000"]);
    }));
    for (const { code, stdout, stderr } of outputs) {
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), { failures: 0, dropped: 0 });
    }
    const files = listFileNames(folder);
    assert.ok(files.length > 10, `${files.length} files`);
    const entryIds = files.flatMap((name) => readEntryIds(folder.pathOf(name)));
    const expectedIds = names.flatMap((name) =>
      Array.from({ length: 2000 }, (_, number) => `${name} ${number}`)
    );
    assert.deepEqual(entryIds.sort(), expectedIds.sort());
  },
});

Deno.test({
  name:
    "[audit.rotation] while the file is locked, entries are written and the file is not rotated",
  ignore: IS_WINDOWS,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const options = {
      path,
      fallbackPath: folder.pathOf("no.jsonl"),
      log: createRecordingLog(),
      maxBytes: 1000,
    };
    const audit = new AuditTrail(options);
    await appendAndWait(audit, createAuditEntry());
    {
      using lockedFile = Deno.openSync(path);
      lockedFile.lockSync(false);
      for (let number = 0; number < 20; number++) await appendAndWait(audit, createAuditEntry());
    }
    assert.deepEqual(listFileNames(folder), ["audit.jsonl"]);
    audit.close();
    // The next gateway that opens the file rotates it.
    const nextAudit = new AuditTrail(options);
    await appendAndWait(nextAudit, createAuditEntry());
    nextAudit.close();
    assert.deepEqual(listFileNames(folder), ["audit.jsonl", "audit.jsonl.1"]);
    assert.equal(readEntryIds(`${path}.1`).length + readEntryIds(path).length, 22);
  },
});

Deno.test({
  name: "[audit.rotation] the null device is written to, and it is not rotated",
  ignore: IS_WINDOWS,
  fn: async () => {
    using folder = new TestFolder();
    const fallbackPath = folder.pathOf("no.jsonl");
    const log = createRecordingLog();
    const audit = new AuditTrail({ path: "/dev/null", fallbackPath, log, maxBytes: 1000 });
    for (let number = 0; number < 20; number++) await appendAndWait(audit, createAuditEntry());
    audit.close();
    assert.deepEqual(listFileNames(folder), []);
    assert.deepEqual(log.messages, []);
    assert.equal(Deno.statSync("/dev/null").isCharDevice, true);
  },
});

Deno.test({
  name: "[audit.failing-disk] a partial write leaves no incomplete line",
  ignore: IS_WINDOWS,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    // The system aborts the write that would make the file longer than 8 blocks.
    const shellScript = 'trap \'\' XFSZ; ulimit -f 8; exec "$0" "$@"';
    const { code, stdout, stderr } = await runWriter([path, path, "one", "200"], shellScript);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const { failures, dropped } = JSON.parse(new TextDecoder().decode(stdout));
    const entryIds = readEntryIds(path);
    assert.ok(
      failures > 0 && entryIds.length > 10,
      `${failures} failures, ${entryIds.length} lines`,
    );
    assert.deepEqual(entryIds, entryIds.map((_, index) => `one ${index}`));
    assert.equal(entryIds.length + dropped, 200);
  },
});

Deno.test("[audit.failing-disk] an entry after an incomplete line begins a new line", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  Deno.writeTextFileSync(path, '{"timestamp":"20');
  const audit = new AuditTrail({ path, fallbackPath: path, log: createRecordingLog() });
  await appendAndWait(audit, createAuditEntry());
  await appendAndWait(audit, createAuditEntry());
  audit.close();
  const lines = Deno.readTextFileSync(path).split("\n");
  assert.equal(lines.length, 4);
  assert.equal(JSON.parse(lines[1] ?? "").agent_id, "a");
  assert.equal(JSON.parse(lines[2] ?? "").agent_id, "a");
});
