import { editUnderLoad } from "./reload_load.ts";

Deno.test("[reload.load] 100 edits, a third invalid, under 64 calls in flight lose none", async () => {
  await editUnderLoad(100);
});
