import assert from "node:assert/strict";
import { readRefusal } from "./agent_session.ts";
import { ApprovalFixture } from "./approval_fixture.ts";
import type { Fields } from "./raw_client.ts";

Deno.test("[approvals.shell] [approvals.progress] [approvals.audit] a call waits until a second process allows it", async () => {
  await using fixture = await ApprovalFixture.start();
  const { gateway } = fixture;
  const call = gateway.callGatewayTool("execute_tool", {
    server: "notes",
    tool: "plain",
    args: { id: "a", text: "\u202e" },
  }, { progressToken: "p" });
  const [request] = await fixture.waiting();
  assert.deepEqual([request?.agent, request?.tool, request?.args], [
    "writer",
    "plain",
    { id: "a", text: "\u202e" },
  ]);
  assert.equal(fixture.effects("a"), 0);
  await fixture.allow(request?.approval_id ?? "");
  assert.equal((await call).isError, undefined);
  assert.equal(fixture.effects("a"), 1);
  assert.deepEqual(await fixture.requests(), []);
  const progress = gateway.client.receivedMessages.map(({ message }) => message)
    .filter(({ method }) => method === "notifications/progress").map(({ params }) => params);
  assert.match(
    String(progress[0]?.message),
    new RegExp(
      `^Waiting for a person's approval: agent-mcp-gateway approvals allow ${request?.approval_id}$`,
    ),
  );
  assert.equal(progress[0]?.progressToken, "p");
  const line = await fixture.audited();
  const approval = line.approval as Fields;
  assert.deepEqual([line.decision, line.rule, approval.id, approval.by], [
    "ALLOW",
    "agents.writer.ask.tools.notes[0]",
    request?.approval_id,
    "shell",
  ]);
  assert.ok(Number(approval.after_ms) > 0);
});

Deno.test("[approvals.again] a call that nobody allows in time may be made again when it is allowed", async () => {
  await using fixture = await ApprovalFixture.start({ times: { wait_s: 0, expires_s: 600 } });
  const refusal = readRefusal(await fixture.call("a")) as unknown as Fields;
  assert.equal(refusal.code, "APPROVAL_REQUIRED");
  assert.equal(refusal.retryable, true);
  const id = String(refusal.approval_id);
  assert.match(String(refusal.hint), new RegExp(`agent-mcp-gateway approvals allow ${id}"`));
  const remainingMs = Date.parse(String(refusal.expires)) - Date.now();
  assert.ok(remainingMs > 590_000 && remainingMs <= 600_000);
  const line = await fixture.audited("APPROVAL_REQUIRED");
  assert.deepEqual([line.decision, line.approval], ["DENY", { id }]);
  // The same call waits for the same request.
  const again = readRefusal(await fixture.call("a")) as unknown as Fields;
  assert.equal(again.approval_id, id);
  await fixture.allow(id);
  const other = readRefusal(await fixture.call("b"));
  assert.equal(other.code, "APPROVAL_REQUIRED");
  assert.equal((await fixture.call("a")).isError, undefined);
  const third = readRefusal(await fixture.call("a")) as unknown as Fields;
  assert.equal(third.code, "APPROVAL_REQUIRED");
  assert.notEqual(third.approval_id, id);
  assert.equal(fixture.effects("a"), 1);
});

Deno.test("[approvals.denied] a denial has the person's reason, and stands", async () => {
  await using fixture = await ApprovalFixture.start();
  const call = fixture.call("a");
  const [request] = await fixture.waiting();
  const { code } = await fixture.shell(
    "approvals",
    "deny",
    request?.approval_id ?? "",
    "--reason",
    "Not today",
  );
  assert.equal(code, 0);
  for (const result of [await call, await fixture.call("a")]) {
    const refusal = readRefusal(result);
    assert.equal(refusal.code, "DENIED_BY_POLICY");
    assert.equal(
      refusal.message,
      'A person has denied this call of tool "plain" of server "notes": Not today',
    );
    assert.equal(refusal.rule, "agents.writer.ask.tools.notes[0]");
    assert.equal(refusal.retryable, false);
  }
  const line = await fixture.audited("DENIED_BY_POLICY");
  assert.equal((line.approval as Fields).by, "shell");
  assert.equal(fixture.effects("a"), 0);
});
