import assert from "node:assert/strict";
import { dirname } from "node:path";
import { OWNER, StoreFixture, TEXTS } from "./store_fixture.ts";

/** Memory of a result besides its text, in bytes. */
const RESULT_BYTES = 2048;

const MIB = 1024 * 1024;
const LARGE = "x".repeat(2 * MIB);

Deno.test("[results.exact] a text is kept exactly, in memory and on disk", async (test) => {
  using inMemory = new StoreFixture();
  using onDisk = new StoreFixture({ memory: -1 });
  for (const [name, text] of Object.entries(TEXTS)) {
    await test.step(name, async () => {
      assert.ok(inMemory.read(await inMemory.keep(text)) === text);
      assert.ok(onDisk.read(await onDisk.keep(text)) === text);
    });
  }
  assert.throws(() => Deno.statSync(inMemory.folder), Deno.errors.NotFound);
  assert.ok(Deno.statSync(onDisk.folder).isDirectory);
});

Deno.test("[results.disk] a result above 1 MiB is in a file without a name, in a folder of its user", async () => {
  using fixture = new StoreFixture();
  await fixture.keep("x".repeat(MIB));
  assert.throws(() => Deno.statSync(fixture.folder), Deno.errors.NotFound);
  const handle = await fixture.keep(LARGE);
  assert.deepEqual([...Deno.readDirSync(fixture.folder)], []);
  if (Deno.build.os !== "windows") {
    assert.equal((Deno.statSync(fixture.folder).mode ?? 0) & 0o777, 0o700);
  }
  assert.ok(fixture.read(handle) === LARGE);
});

Deno.test("[results.disk] files that a killed gateway has left are removed by the next one", async () => {
  using fixture = new StoreFixture();
  Deno.mkdirSync(fixture.folder, { recursive: true });
  Deno.writeTextFileSync(`${fixture.folder}/${crypto.randomUUID()}`, "");
  Deno.writeTextFileSync(`${fixture.folder}/of somebody else`, "");
  await fixture.keep(LARGE);
  const names = [...Deno.readDirSync(fixture.folder)].map(({ name }) => name);
  assert.deepEqual(names, ["of somebody else"]);
});

Deno.test("[results.disk] nothing is kept or removed where a link leads", async () => {
  using fixture = new StoreFixture();
  const target = `${dirname(fixture.folder)}/target`;
  Deno.mkdirSync(target, { recursive: true });
  Deno.chmodSync(target, 0o755);
  const file = `${target}/${crypto.randomUUID()}`;
  Deno.writeTextFileSync(file, "kept");
  Deno.symlinkSync(target, fixture.folder);
  assert.equal(await fixture.keep(LARGE), "the disk failed");
  assert.equal(Deno.readTextFileSync(file), "kept");
  assert.equal((Deno.statSync(target).mode ?? 0) & 0o777, 0o755);
  assert.match(fixture.log.messages[0] ?? "", /^warn A large result could not be kept/);
});

Deno.test("[results.kept] many short results count with the memory that they take", async () => {
  using fixture = new StoreFixture({ caps: { connectionBytes: 30_000, totalBytes: 60_000 } });
  const handles: string[] = [];
  for (let index = 0; index < 20; index++) handles.push(await fixture.keep(`short ${index}`));
  const kept = handles.filter((handle) => fixture.read(handle) !== undefined);
  assert.equal(kept.length, 14);
});

Deno.test("[results.disk-full] a result that cannot be written has a reason, and the operator a warning", async () => {
  using fixture = new StoreFixture();
  // Nothing can be created in a file.
  Deno.writeTextFileSync(dirname(fixture.folder), "");
  const reason = await fixture.keep(LARGE);
  assert.match(reason, /^[\w ]+ \(os error \d+\)$/);
  assert.equal(await fixture.keep(LARGE), reason);
  assert.equal(fixture.log.messages.length, 1);
  assert.match(fixture.log.messages[0] ?? "", /^warn A large result could not be kept/);
  // Nothing of them is counted.
  const small = await fixture.keep("small");
  assert.equal(fixture.read(small), "small");
});

Deno.test("[results.isolation] a handle serves only the agent and the connection that received it", async () => {
  using fixture = new StoreFixture();
  const handle = await fixture.keep("secret");
  assert.match(handle, /^[\w-]{22}$/);
  assert.equal(fixture.read(handle), "secret");
  assert.equal(fixture.read(handle, { ...OWNER, agent: "b" }), undefined);
  assert.equal(fixture.read(handle, { ...OWNER, connectionId: "c2" }), undefined);
  assert.equal(fixture.read("x".repeat(22)), undefined);
});

Deno.test("[results.kept] a result is kept for 15 minutes", async () => {
  using fixture = new StoreFixture();
  const first = await fixture.keep("first");
  fixture.nowMs = 60_000;
  const second = await fixture.keep("second");
  fixture.nowMs = 15 * 60_000 - 1;
  assert.equal(fixture.read(first), "first");
  fixture.nowMs = 15 * 60_000;
  assert.equal(fixture.read(first), undefined);
  assert.equal(fixture.read(second), "second");
  assert.equal(fixture.memory.get("a")?.used, RESULT_BYTES + "second".length);
});

Deno.test("[results.kept] past 64 MiB of a connection, its oldest result goes", async () => {
  using fixture = new StoreFixture();
  const other = { connectionId: "c2", agent: "a" };
  const kept = await fixture.keep("of another connection", other);
  const handles: string[] = [];
  for (let count = 0; count < 7; count++) {
    handles.push(await fixture.keep(String(count).repeat(10 * MIB)));
  }
  const isKept = handles.map((handle) => fixture.store.find(handle, OWNER) !== undefined);
  assert.deepEqual(isKept, [false, true, true, true, true, true, true]);
  assert.equal(fixture.read(kept, other), "of another connection");
  assert.equal(await fixture.keep("x".repeat(64 * MIB + 1)), "it is larger than 64 MiB");
});

Deno.test("[results.kept] past the limit for all, the oldest result of the agent with the most goes", async () => {
  using fixture = new StoreFixture({ caps: { connectionBytes: 100_000, totalBytes: 200_000 } });
  const handles = new Map<string, string>();
  const keep = async (agent: string, connectionId: string, length: number): Promise<void> => {
    const owner = { agent, connectionId };
    handles.set(connectionId, await fixture.keep("x".repeat(length), owner));
  };
  const isKept = (agent: string, connectionId: string): boolean => {
    const owner = { agent, connectionId };
    return fixture.store.find(handles.get(connectionId) ?? "", owner) !== undefined;
  };
  await keep("small", "s1", 10_000);
  await keep("large", "l1", 90_000);
  await keep("large", "l2", 90_000);
  assert.ok(isKept("large", "l1"));
  await keep("large", "l3", 90_000);
  assert.ok(!isKept("large", "l1"));
  assert.ok(isKept("large", "l2") && isKept("large", "l3") && isKept("small", "s1"));
});

Deno.test("[results.kept] the results of a connection end with it, and all with the gateway", async () => {
  using fixture = new StoreFixture();
  const ended = await fixture.keep(LARGE);
  const other = { ...OWNER, connectionId: "c2" };
  const handle = await fixture.keep("other", other);
  const { text } = fixture.store.find(ended, OWNER) ?? assert.fail();
  fixture.store.endConnection("c1");
  assert.equal(fixture.read(ended), undefined);
  // A reader that has found it before learns that it is gone.
  assert.throws(() => text.slice(0, 1), { name: "TextDropped" });
  assert.equal(fixture.read(handle, other), "other");
  fixture.store.close();
  assert.equal(fixture.read(handle, other), undefined);
  assert.equal(fixture.memory.get("a")?.used, 0);
});

Deno.test("[results.kept] a result of a call that was cancelled meanwhile is not kept", async () => {
  using fixture = new StoreFixture();
  const signal = AbortSignal.abort();
  const outcome = await fixture.store.keep("text", { owner: OWNER, maxTokens: 200, signal });
  assert.deepEqual(outcome, { reason: "the call was cancelled" });
  assert.equal(fixture.memory.get("a")?.used, 0);
});

Deno.test("[results.memory] results beyond an agent's memory are on disk", async () => {
  using fixture = new StoreFixture({ memory: 4000 });
  const first = await fixture.keep("x".repeat(600));
  const second = await fixture.keep("y".repeat(600));
  assert.equal(fixture.memory.get("a")?.used, RESULT_BYTES + 600);
  assert.equal(fixture.read(first), "x".repeat(600));
  assert.equal(fixture.read(second), "y".repeat(600));
});
