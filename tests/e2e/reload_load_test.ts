import assert from "node:assert/strict";
import { editUnderLoad } from "./reload_load.ts";

Deno.test("[reload.load] no call is lost or answered wrongly during 30 edits, a third of them invalid", async () => {
  // Only the soak suite checks the maximum, because other tests on this machine delay single edits.
  const { medianMs, text } = await editUnderLoad(30);
  assert.ok(medianMs <= 1000, text);
});
