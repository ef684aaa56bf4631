import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AuditLog } from "../../src/audit/mod.ts";
import { until } from "../e2e/until.ts";
import { idsIn, record, silentLog, testEntry, TestFolder } from "./support.ts";

const FULL_DISK = fileURLToPath(new URL("full_disk.ts", import.meta.url));

const ON_FULL_DISK: Readonly<Record<string, string>> = {
  recovery: "[audit.failing-disk] full, it is told once; what waited is written when there is room",
  bound: "[audit.failing-disk] what waits is bounded, and what is given up is counted",
  elsewhere: "[audit.fallback] while the disk of the wanted place is full, the log is at the other",
};

for (const [key, name] of Object.entries(ON_FULL_DISK)) {
  Deno.test({
    name,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      // Deno opens no device unless everything is allowed, which tests are not.
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-check", "--allow-all", FULL_DISK, key],
        stdin: "null",
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    },
  });
}

Deno.test({
  name: "[audit.failing-disk] a folder that is deleted is made again",
  // An open file cannot be deleted there.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.at("logs", "audit.jsonl");
    const log = silentLog();
    const audit = new AuditLog({ path, fallbackPath: folder.at("no.jsonl"), log });
    await record(audit, testEntry());
    Deno.removeSync(folder.at("logs"), { recursive: true });
    let number = 0;
    await until("there is a log again", async () => {
      await record(audit, testEntry({ request_id: ++number }));
      return exists(path);
    });
    await record(audit, testEntry({ request_id: "last" }));
    assert.equal(idsIn(path).at(-1), "a last");
    assert.deepEqual([audit.status().failures, log.told], [0, []]);
    audit.close();
  },
});

Deno.test({
  name: "[audit.failing-disk] a folder that takes no files fails no operation, and is left",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.at("logs", "audit.jsonl");
    const fallbackPath = folder.at("state", "audit.jsonl");
    const log = silentLog();
    const audit = new AuditLog({ path, fallbackPath, log });
    await record(audit, testEntry({ request_id: "first" }));
    // Modes do not hold for root; in a file's place no user can make one.
    Deno.renameSync(folder.at("logs"), folder.at("moved"));
    Deno.writeTextFileSync(folder.at("logs"), "");
    const wanted = ["a first"];
    await until("the log is elsewhere", async () => {
      wanted.push(`a ${wanted.length}`);
      await record(audit, testEntry({ request_id: wanted.length - 1 }));
      return audit.path === fallbackPath;
    });
    audit.close();
    assert.deepEqual([...idsIn(folder.at("moved", "audit.jsonl")), ...idsIn(fallbackPath)], wanted);
    assert.deepEqual(log.told.map((text) => text.split(" ")[0]), ["warn"]);
  },
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
