import assert from "node:assert/strict";
import { Interaction } from "../../../src/gateway/stateless/interaction.ts";
import { Cancellation } from "../../../src/jsonrpc/mod.ts";

Deno.test("[interaction.messages] of progress while the call is parked, only the last is kept, and no more of it than clients know", () => {
  const received: unknown[] = [];
  const request = {
    id: "1",
    capabilities: {},
    logLevel: undefined,
    signal: new Cancellation(),
    notifyProgress: (params: unknown) => void received.push(params),
    notifyLog: () => {},
  };
  const interaction = new Interaction({
    request,
    principal: () => "client",
    ttlMs: 60_000,
    admit: () => "handle",
    onOver: () => {},
  });
  const long = "x".repeat(1_000_000);
  interaction.park();
  interaction.notifyProgress({ progress: 1, total: 3 });
  interaction.notifyProgress({ progress: 2, total: 3, message: "two", long });
  assert.ok(interaction.resume(request, 1));
  interaction.park();
  interaction.notifyProgress({ progress: 3, message: long });
  assert.ok(interaction.resume(request, 2));
  assert.deepEqual(received, [{ progress: 2, total: 3, message: "two" }, { progress: 3 }]);
});
