import assert from "node:assert/strict";
import { AuditTrail, refusalLogPath } from "../../src/audit/mod.ts";
import { waitUntil } from "../e2e/wait.ts";
import { createAuditEntry, createRecordingLog, TestFolder } from "./audit_log_fixtures.ts";

/** Creates the entry of an agent's refused operation. */
function createRefusal(agent_id: string, code: string, request_id: number) {
  return createAuditEntry({ agent_id, decision: "DENY", code, request_id });
}

function readEntries(path: string): Record<string, unknown>[] {
  return Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("[audit.refused] refusals have files of their own, and displace no other entry from the files that are kept", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const audit = new AuditTrail({
    path,
    fallbackPath: path,
    log: createRecordingLog(),
    maxBytes: 1000,
  });
  audit.append(createAuditEntry({ request_id: "evidence" }));
  for (let source = 0; source < 100; source++) {
    for (let number = 0; number < 20; number++) {
      audit.addRefusal(
        `agent-${source}`,
        createRefusal(`agent-${source}`, "DENIED_BY_POLICY", number),
      );
      await audit.untilWritten();
    }
  }
  await audit.close();
  assert.deepEqual(readEntries(path).map(({ request_id }) => request_id), ["evidence"]);
  const names = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  const rotated = ["", ".1", ".2", ".3", ".4"].map((end) => `audit.refused.jsonl${end}`);
  assert.deepEqual(names, ["audit.jsonl", ...rotated]);
});

Deno.test("[audit.refused] after 20 refusals of an agent in a minute, further ones are counted exactly, in a line a second", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const audit = new AuditTrail({ path, fallbackPath: path, log: createRecordingLog() });
  for (let number = 0; number < 1000; number++) {
    audit.addRefusal(
      "a",
      createRefusal("a", number % 4 === 0 ? "RATE_LIMITED" : "INVALID_ARGUMENTS", number),
    );
  }
  audit.addRefusal("b", createRefusal("b", "DENIED_BY_POLICY", 1));
  const refusalPath = refusalLogPath(path);
  await audit.untilWritten();
  assert.deepEqual(readEntries(refusalPath).map(({ request_id }) => request_id), [
    ...Array.from({ length: 20 }, (_, number) => number),
    1,
  ]);
  const summary = await waitUntil("the counts are written", () => {
    return readEntries(refusalPath).find(({ operation }) => operation === "refusals");
  });
  assert.deepEqual({ ...summary, timestamp: "" }, {
    timestamp: "",
    agent_id: "a",
    operation: "refusals",
    decision: "DENY",
    counts: { RATE_LIMITED: 245, INVALID_ARGUMENTS: 735 },
  });
  audit.addRefusal("a", createRefusal("a", "RATE_LIMITED", 1000));
  await audit.close();
  // Refusals since the last summary are counted in another one when the log is closed.
  assert.deepEqual(readEntries(refusalPath).at(-1)?.counts, { RATE_LIMITED: 1 });
  assert.equal(readEntries(refusalPath).length, 23);
});

Deno.test("[audit.refused] the refusals of any number of sources are counted in bounded memory", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const audit = new AuditTrail({ path, fallbackPath: path, log: createRecordingLog() });
  for (let number = 0; number < 5000; number++) {
    audit.addRefusal(`agent-${number}`, createRefusal("a", "RATE_LIMITED", number));
  }
  await audit.close();
  const entries = readEntries(refusalLogPath(path));
  // A line for each of 1000 sources, and 20 lines and a summary for all other sources together.
  assert.equal(entries.length, 1000 + 20 + 1);
  assert.deepEqual(entries.at(-1)?.counts, { RATE_LIMITED: 5000 - 1020 });
});

Deno.test("[audit.refused] refusals of clients with many addresses have 60 lines a minute, further ones are counted exactly, and the refusals of agents stay", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const log = createRecordingLog();
  const audit = new AuditTrail({ path, fallbackPath: path, log, maxBytes: 50_000 });
  audit.addRefusal("a", createRefusal("a", "DENIED_BY_POLICY", 1));
  for (let number = 0; number < 20_000; number++) {
    const address = `10.0.${number % 1000 >> 8}.${number % 1000 & 255}`;
    audit.addUnidentifiedRefusal({
      ...createRefusal("a", "INVALID_TOKEN", number),
      agent_id: null,
      address,
    });
    if (number % 100 === 0) await audit.untilWritten();
  }
  await audit.close();
  const entries = readEntries(refusalLogPath(path));
  assert.equal(entries[0]?.agent_id, "a");
  assert.equal(entries.length, 1 + 60 + 1);
  assert.deepEqual({ ...entries.at(-1), timestamp: "" }, {
    timestamp: "",
    agent_id: null,
    operation: "refusals",
    decision: "DENY",
    counts: { INVALID_TOKEN: 20_000 - 60 },
  });
});

Deno.test({
  name:
    "[audit.keep] with GATEWAY_AUDIT_KEEP, full files are kept for that many days, however many they are",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TestFolder();
    const path = folder.pathOf("audit.jsonl");
    const options = { path, fallbackPath: path, log: createRecordingLog(), maxBytes: 1000 };
    const write = async (count: number) => {
      const audit = new AuditTrail({ ...options, keepDays: 30 });
      for (let number = 0; number < count; number++) {
        audit.append(createAuditEntry({ request_id: number }));
        await audit.untilWritten();
      }
      await audit.close();
    };
    await write(100);
    const countFiles = () => [...Deno.readDirSync(folder.path)].length;
    const before = countFiles();
    assert.ok(before > 15, `${before} files`);
    const setAge = (number: number, days: number) => {
      const time = new Date(Date.now() - days * 24 * 60 * 60 * 1000);
      Deno.utimeSync(`${path}.${number}`, time, time);
    };
    for (let number = 6; number < before; number++) setAge(number, 31);
    setAge(5, 29);
    await write(10);
    const names = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
    const oldest = Math.max(...names.map((name) => Number(name.split(".jsonl.")[1] ?? 0)));
    assert.equal(oldest, names.length - 1);
    const ages = names.map((name) => Deno.statSync(folder.pathOf(name)).mtime?.getTime() ?? 0);
    assert.ok(Date.now() - Math.min(...ages) < 30 * 24 * 60 * 60 * 1000);
    assert.ok(names.length >= 6 && names.length < 12, `${names.length} files`);
  },
});

Deno.test("[audit.keep] once GATEWAY_AUDIT_KEEP is off again, the next rotation leaves the five newest files", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const options = { path, fallbackPath: path, log: createRecordingLog(), maxBytes: 1000 };
  let lastId = 0;
  const writeUntil = async (isDone: () => boolean, keepDays: { keepDays?: number }) => {
    const audit = new AuditTrail({ ...options, ...keepDays });
    while (!isDone()) {
      audit.append(createAuditEntry({ request_id: ++lastId }));
      await audit.untilWritten();
    }
    await audit.close();
  };
  const listNames = () => [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  await writeUntil(() => listNames().length === 12, { keepDays: 30 });
  const newest = Deno.readTextFileSync(`${path}.1`);
  await writeUntil(() => Deno.readTextFileSync(`${path}.1`) !== newest, {});
  assert.deepEqual(
    listNames(),
    ["", ".1", ".2", ".3", ".4"].map((end) => `audit.jsonl${end}`),
  );
  const ids = [".4", ".3", ".2", ".1", ""].flatMap((end) => readEntries(`${path}${end}`))
    .map(({ request_id }) => Number(request_id));
  const firstId = ids[0] ?? 0;
  assert.deepEqual(
    ids,
    Array.from({ length: lastId - firstId + 1 }, (_, index) => firstId + index),
  );
});
