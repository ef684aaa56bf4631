import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { resultOf, TestSandboxes } from "./sandboxes.ts";

const PROBE = fileURLToPath(new URL("../fixtures/code/realm_probe.txt", import.meta.url));

Deno.test("[code.realm] no object that the code reaches leads out of its realm", async () => {
  await using sandboxes = new TestSandboxes();
  const outcome = await sandboxes.run(await Deno.readTextFile(PROBE), { timeoutMs: 60_000 });
  const { count, ...found } = resultOf(outcome) as { readonly count: number };
  assert.deepEqual(found, { escapes: [], foreign: [], globals: [], imported: [] });
  assert.ok(count > 500, `${count} objects`);
});
