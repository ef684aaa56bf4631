import assert from "node:assert/strict";
import { createTool, listShown, PinFixture, refusalOf } from "./pin_fixture.ts";
import { waitUntil } from "./wait.ts";

const READ = createTool("read");
const NEW = createTool("new", { description: "HOSTILE" });

Deno.test("[pins.watched] a change of the lock file counts immediately, and the server keeps running", async (t) => {
  using fixture = new PinFixture({ tools: [READ] });
  await fixture.pin({ tools: [READ, NEW] });
  await using gateway = await fixture.start();
  assert.deepEqual(await listShown(gateway), ["read"]);
  assert.equal(await gateway.callServerToolForText("pinned", "read"), "read");
  const pinned = Deno.readTextFileSync(fixture.lockPath);
  const startCount = () => fixture.journal.filter((line) => line === "start").length;
  const waitForTools = async (names: readonly string[]) => {
    await waitUntil(`the tools are ${names}`, async () => {
      return JSON.stringify(await listShown(gateway)) === JSON.stringify(names);
    });
  };
  await t.step("accepted by pin --update", async () => {
    const { code, stderr } = await fixture.run("pin", "--update");
    assert.equal(code, 0, stderr);
    const starts = startCount();
    await waitForTools(["read", "new"]);
    assert.equal(await gateway.callServerToolForText("pinned", "new"), "new");
    assert.equal(startCount(), starts);
  });
  await t.step("restored by hand", async () => {
    Deno.writeTextFileSync(fixture.lockPath, pinned);
    await waitForTools(["read"]);
    assert.equal((await refusalOf(gateway, "new")).code, "TOOL_CHANGED");
  });
  await t.step("deleted: nothing is pinned", async () => {
    Deno.removeSync(fixture.lockPath);
    await waitForTools(["read", "new"]);
  });
  await t.step("replaced by a link that leads nowhere: no server is available", async () => {
    Deno.symlinkSync("nowhere.json", fixture.lockPath);
    await waitUntil("the server is unavailable", async () => {
      return (await refusalOf(gateway, "read")).code === "SERVER_UNAVAILABLE";
    });
  });
  await t.step("a link to a file is followed", async () => {
    fixture.root.write("nowhere.json", pinned);
    await waitUntil("the server is available", async () => {
      const { code } = await refusalOf(gateway, "new");
      return code === "TOOL_CHANGED";
    });
    assert.deepEqual(await listShown(gateway), ["read"]);
  });
  await t.step("broken: no server is available, and the reason is told", async () => {
    fixture.root.write("nowhere.json", "{");
    await waitUntil("the server is unavailable", async () => {
      return (await refusalOf(gateway, "read")).code === "SERVER_UNAVAILABLE";
    });
    assert.match(String((await refusalOf(gateway, "read")).message), /lock file .* cannot be used/);
    assert.match(gateway.program.stderr, /lock.json: it is not JSON/);
  });
});

Deno.test("[pins.closed] a lock file that cannot be read makes all servers unavailable", async (t) => {
  const pin = { sha256: "0".repeat(64), definition: {} };
  const cases: Readonly<Record<string, (path: string) => void>> = {
    "no JSON": (path) => Deno.writeTextFileSync(path, "no"),
    "empty": (path) => Deno.writeTextFileSync(path, ""),
    "another version": (path) => Deno.writeTextFileSync(path, '{"version":2,"servers":{}}'),
    "an unknown key": (path) => {
      const servers = { other: { tool: { t: pin } } };
      Deno.writeTextFileSync(path, JSON.stringify({ version: 1, servers }));
    },
    "a folder": (path) => Deno.mkdirSync(path),
    "a link to nothing": (path) => Deno.symlinkSync("/nowhere/at/all", path),
    "too large": (path) => Deno.writeTextFileSync(path, " ".repeat(17 * 1024 * 1024)),
  };
  for (const [name, write] of Object.entries(cases)) {
    await t.step(name, async () => {
      using fixture = new PinFixture({ tools: [READ] });
      write(fixture.lockPath);
      await using gateway = await fixture.start();
      const refusal = await refusalOf(gateway, "read");
      assert.equal(refusal.code, "SERVER_UNAVAILABLE");
      assert.match(String(refusal.message), /lock file/);
      assert.deepEqual(fixture.journal, []);
      const validated = await fixture.run("validate");
      assert.match(validated.stdout, /no server is available until the file is fixed or removed/);
      const pinning = await fixture.run("pin", "--update");
      assert.equal(pinning.code, 1);
      assert.match(pinning.stderr, /cannot be used: .*remove it, and pin all servers again/s);
    });
  }
});
