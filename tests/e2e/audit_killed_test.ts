import assert from "node:assert/strict";
import { KILL_STAGES, killDuringChangingCall } from "./kill_during_change.ts";
import { killAtMoments } from "./kill_under_load.ts";

Deno.test("[audit.killed] every answered call is in the audit log after a SIGKILL at each of 6 moments", async () => {
  await killAtMoments(6);
});

for (const stage of KILL_STAGES) {
  Deno.test(`[audit.killed] each call that reached its server is in the log after a SIGKILL when a call is ${stage}`, async () => {
    const calls = await Promise.all([
      killDuringChangingCall(stage),
      killDuringChangingCall(stage),
    ]);
    // The server is reached in the stages after these two.
    if (stage === "sent" || stage === "recorded") return;
    assert.ok(calls.every(({ receivedCount }) => receivedCount > 0));
  });
}
