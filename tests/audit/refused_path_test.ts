import assert from "node:assert/strict";
import { join } from "node:path";
import { AuditTrail } from "../../src/audit/mod.ts";
import { waitUntil } from "../e2e/wait.ts";
import {
  appendAndWait,
  createAuditEntry,
  createRecordingLog,
  readEntryIds,
  TestFolder,
} from "./audit_log_fixtures.ts";

const IS_WINDOWS = Deno.build.os === "windows";

/** A text that nobody may append to. */
const PRECIOUS = "export PATH\n";

/** A path that the audit log refuses, and the reason. */
interface RefusedPath {
  readonly name: string;
  /** Creates what is at the path; `target` is a file with the text `PRECIOUS`. */
  create(folder: TestFolder, target: string): string | Promise<string>;
  readonly reason: RegExp;
}

const REFUSED_PATHS: readonly RefusedPath[] = [
  {
    name: "a link to a file",
    create(folder, target) {
      Deno.symlinkSync(target, folder.pathOf("audit.jsonl"));
      return folder.pathOf("audit.jsonl");
    },
    reason: /audit\.jsonl is a link/,
  },
  {
    name: "a link to nothing",
    create(folder) {
      Deno.symlinkSync(folder.pathOf("new"), folder.pathOf("audit.jsonl"));
      return folder.pathOf("audit.jsonl");
    },
    reason: /audit\.jsonl is a link/,
  },
  {
    name: "a file in a folder that is a link",
    create(folder) {
      Deno.mkdirSync(folder.pathOf("elsewhere"));
      Deno.symlinkSync(folder.pathOf("elsewhere"), folder.pathOf("logs"));
      return folder.pathOf("logs", "audit.jsonl");
    },
    reason: /its folder .*logs is a link/,
  },
  {
    name: "a named pipe",
    async create(folder) {
      const path = folder.pathOf("audit.jsonl");
      assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
      return path;
    },
    reason: /audit\.jsonl is not a regular file/,
  },
  {
    name: "a file with another content",
    create: (_folder, target) => target,
    reason: /precious contains something other than an audit log/,
  },
];

for (const { name, create, reason } of REFUSED_PATHS) {
  Deno.test({
    name: `[audit.refused-path] the log is written to the fallback instead of ${name}`,
    ignore: IS_WINDOWS,
    fn: async () => {
      using folder = new TestFolder();
      const target = folder.pathOf("precious");
      Deno.writeTextFileSync(target, PRECIOUS);
      const path = await create(folder, target);
      const before = listFiles(folder.path);
      const fallbackPath = folder.pathOf("state", "audit.jsonl");
      const log = createRecordingLog();
      const audit = new AuditTrail({ path, fallbackPath, log });
      await appendAndWait(audit, createAuditEntry());
      audit.close();
      assert.deepEqual(readEntryIds(fallbackPath), ["a 1"]);
      assert.match(String(log.fields[0]?.reason), reason);
      assert.equal(Deno.readTextFileSync(target), PRECIOUS);
      assert.deepEqual(listFiles(folder.path), [...before, "state", "state/audit.jsonl"].sort());
    },
  });
}

Deno.test({
  name: "[audit.refused-path] each folder of a relative path is checked for links",
  ignore: IS_WINDOWS,
  fn: async () => {
    using folder = new TestFolder();
    Deno.mkdirSync(folder.pathOf("elsewhere"));
    Deno.symlinkSync(folder.pathOf("elsewhere"), folder.pathOf("var"));
    const fallbackPath = folder.pathOf("state", "audit.jsonl");
    const path = "./var/logs/audit.jsonl";
    const writer = new URL("audit_writer.ts", import.meta.url).pathname;
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-check", "-RW", writer, path, fallbackPath, "one", "3"],
      cwd: folder.path,
      stdin: "null",
    }).output();
    assert.ok(success);
    assert.deepEqual(readEntryIds(fallbackPath), ["one 0", "one 1", "one 2"]);
    assert.deepEqual([...Deno.readDirSync(folder.pathOf("elsewhere"))], []);
  },
});

Deno.test({
  name: "[audit.refused-path] a file that is replaced by a link while the gateway runs is left",
  ignore: IS_WINDOWS,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const target = folder.pathOf("precious");
    Deno.writeTextFileSync(target, PRECIOUS);
    const fallbackPath = folder.pathOf("state", "audit.jsonl");
    const audit = new AuditTrail({ path, fallbackPath, log: createRecordingLog() });
    await appendAndWait(audit, createAuditEntry({ request_id: "first" }));
    Deno.renameSync(path, folder.pathOf("moved.jsonl"));
    Deno.symlinkSync(target, path);
    await waitUntil("the log is at the fallback", async () => {
      await appendAndWait(audit, createAuditEntry());
      return audit.path === fallbackPath;
    });
    audit.close();
    assert.equal(Deno.readTextFileSync(target), PRECIOUS);
  },
});

Deno.test({
  name: "[audit.refused-path] the mode of an existing file becomes 0600",
  ignore: IS_WINDOWS,
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    Deno.writeTextFileSync(path, "");
    Deno.chmodSync(path, 0o666);
    const audit = new AuditTrail({ path, fallbackPath: path, log: createRecordingLog() });
    await appendAndWait(audit, createAuditEntry());
    audit.close();
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(readEntryIds(path), ["a 1"]);
  },
});

Deno.test({
  name:
    "[audit.refused-path] the superuser's gateway refuses the file of another user, whether or not Deno permits reading the user's id",
  ignore: IS_WINDOWS || !isSuperuser(),
  fn: async () => {
    const cases = [0o600, 0o644].flatMap((mode) => {
      return [["--allow-sys=uid"], []].map((flags) => ({ mode, flags }));
    });
    for (const { mode, flags } of cases) {
      using folder = new TestFolder();
      const path = folder.pathOf("audit.jsonl");
      Deno.writeTextFileSync(path, "");
      Deno.chmodSync(path, mode);
      Deno.chownSync(path, 4241, null);
      const fallbackPath = folder.pathOf("state", "audit.jsonl");
      const writer = new URL("audit_writer.ts", import.meta.url).pathname;
      const { success } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-q", "--no-check", "--no-prompt", "-RW", ...flags],
          ...[writer, path, fallbackPath, "one", "2"],
        ],
        stdin: "null",
      }).output();
      assert.ok(success);
      assert.deepEqual(readEntryIds(fallbackPath), ["one 0", "one 1"]);
      const { size, mode: modeAfter } = Deno.statSync(path);
      assert.deepEqual([size, (modeAfter ?? 0) & 0o777], [0, mode]);
      assert.deepEqual(listFiles(folder.path), ["audit.jsonl", "state", "state/audit.jsonl"]);
    }
  },
});

function isSuperuser(): boolean {
  using folder = new TestFolder();
  return Deno.statSync(folder.path).uid === 0;
}

/** Paths of all files and folders below a folder, in order. */
function listFiles(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(join(folder, prefix))].flatMap(({ name, isDirectory }) => {
    const path = join(prefix, name);
    return [path, ...isDirectory ? listFiles(folder, path) : []];
  }).sort();
}
