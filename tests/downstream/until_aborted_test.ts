import assert from "node:assert/strict";
import { Cancellation } from "../../src/jsonrpc/mod.ts";
import { untilAborted } from "../../src/downstream/until_aborted.ts";

Deno.test("a promise that rejects after the signal has aborted is no unhandled rejection", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const cancellation = new Cancellation();
  cancellation.cancel(new Error("cancelled"));
  await assert.rejects(untilAborted(promise, cancellation), /cancelled/);
  // Deno would fail the test if nothing handled this.
  reject(new Error("late"));
  await new Promise((resolve) => setTimeout(resolve));
});
