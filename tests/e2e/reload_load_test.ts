import { editUnderLoad } from "./reload_load.ts";

Deno.test("[reload.load] no call is lost or answered wrongly during 30 edits, a third of them invalid", async () => {
  // Only the soak suite checks the times, because other tests on this machine delay the edits.
  await editUnderLoad(30);
});
