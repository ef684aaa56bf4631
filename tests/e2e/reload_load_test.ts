import assert from "node:assert/strict";
import { editUnderLoad } from "./reload_load.ts";

Deno.test("[reload.load] 30 edits, a third invalid, under 64 calls in flight lose none", async () => {
  // The longest time is asserted by the soak suite, because other work delays single edits here.
  const { medianMs, text } = await editUnderLoad(30);
  assert.ok(medianMs <= 1000, text);
});
