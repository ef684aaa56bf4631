import assert from "node:assert/strict";
import { SessionFixture } from "./session_fixture.ts";

Deno.test("[audit.fields] [protocol.handler-fails] a call whose result cannot be encoded is recorded, and answered with an error", async () => {
  await using fixture = await SessionFixture.open({ agents: { a: {} } });
  const [answer] = await fixture.startHeldCall("a");
  fixture.heldCalls[0]?.end({
    kind: "gateway-result",
    get json(): string {
      throw new Error("secret detail");
    },
  });
  const { code, message = "" } = await answer ?? {};
  assert.equal(code, "-32603");
  assert.match(message, /^The gateway failed to run wait; its log has the reason under \S+$/);
  const entries = fixture.readAuditEntries().map(({ agent_id, operation, decision, code }) => {
    return { agent_id, operation, decision, code };
  });
  assert.deepEqual(entries, [
    { agent_id: "a", operation: "wait", decision: "ERROR", code: "INTERNAL_ERROR" },
  ]);
});
