import assert from "node:assert/strict";
import { resultOf, TestSandboxes } from "./sandboxes.ts";

Deno.test("code returns a value, prints and calls tools", async () => {
  await using sandboxes = new TestSandboxes();
  const outcome = await sandboxes.run(`
    console.log("one", { two: 2 });
    console.error(3n, undefined, [null]);
    const first = await tools.files.read({ path: "a" });
    const second = await tools["my-server"]["a.b"]();
    return { first, second, third: await call("x", "y", { z: [1] }) };
  `);
  assert.deepEqual(resultOf(outcome), {
    first: { server: "files", tool: "read", args: { path: "a" } },
    second: { server: "my-server", tool: "a.b", args: null },
    third: { server: "x", tool: "y", args: { z: [1] } },
  });
  assert.equal(outcome.logs, 'one {"two":2}\n3 undefined [null]');
  assert.equal(outcome.callCount, 3);
});

Deno.test("each run has a process of its own", async () => {
  await using sandboxes = new TestSandboxes();
  for (let count = 0; count < 2; count++) {
    const outcome = await sandboxes.run(
      "const before = globalThis.kept; globalThis.kept = 1; return before",
    );
    assert.equal(resultOf(outcome), null);
  }
});

Deno.test("code that does not end in time is ended, and its output is kept", async () => {
  await using sandboxes = new TestSandboxes();
  const outcome = await sandboxes.run("console.log('before'); for (;;);", { timeoutMs: 1500 });
  assert.ok(!outcome.ok);
  assert.equal(outcome.error.kind, "timeout");
  assert.equal(outcome.logs, "before");
});
