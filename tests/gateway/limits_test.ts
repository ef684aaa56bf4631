import assert from "node:assert/strict";
import { waitUntil } from "../e2e/wait.ts";
import { SessionFixture } from "./session_fixture.ts";

const ALLOW_ALL = { allow: { servers: ["*"] } };

Deno.test("[errors.rate-limited] [rules.limits] calls beyond the limit per minute are refused", async () => {
  await using fixture = await SessionFixture.open({
    agents: { a: { ...ALLOW_ALL, limits: { per_minute: 2 } }, b: ALLOW_ALL },
  });
  const listServers = (agent_id: string) => fixture.call("list_servers", { agent_id });
  assert.deepEqual([await listServers("a"), await listServers("a")], [{}, {}]);
  const { code, message = "", retry_after_ms = 0, ...otherFields } = await listServers("a");
  assert.equal(code, "RATE_LIMITED");
  assert.ok(retry_after_ms > 50_000 && retry_after_ms <= 60_000, String(retry_after_ms));
  const seconds = Math.ceil(retry_after_ms / 1000);
  assert.equal(
    message,
    `Agent "a" has made the 2 calls that it may make in a minute. Call again in ${seconds} s.`,
  );
  assert.deepEqual(otherFields, { retryable: true });
  assert.deepEqual(await listServers("b"), {});
  const { agent_id, decision, code: auditCode } = fixture.readAuditEntries()[2] ?? {};
  assert.deepEqual([agent_id, decision, auditCode], ["a", "DENY", "RATE_LIMITED"]);
  assert.match(JSON.stringify(fixture.metrics.summary()), /"RATE_LIMITED":1/);
});

Deno.test("[rules.limits] denied calls count towards the limit, calls of unknown agents do not", async () => {
  await using fixture = await SessionFixture.open({
    agents: { a: { limits: { per_minute: 2 } } },
  });
  const codeOfCall = (agent_id: string, server: string) =>
    fixture.call("get_server_tools", { agent_id, server }).then(({ code }) => code);
  const denied = "DENIED_BY_POLICY";
  assert.deepEqual([await codeOfCall("a", "x"), await codeOfCall("a", "y")], [denied, denied]);
  assert.equal(await codeOfCall("a", "z"), "RATE_LIMITED");
  assert.equal(await codeOfCall("nobody", "z"), "INVALID_AGENT_ID");
});

Deno.test("[rules.limits-first] each request of a bound connection counts towards the limit before it is judged", async () => {
  const rules = { agents: { a: { limits: { per_minute: 5 } } } };
  await using fixture = await SessionFixture.open(rules, { bound: "a" });
  const listTools = () => fixture.peer(0).request("tools/list", {});
  const codesOfAll = async () => {
    const list = await listTools();
    return [
      (await fixture.call("get_server_tools")).code,
      (await fixture.call("list_servers", { agent_id: "b" })).code,
      (await fixture.call("no_such_tool")).code,
      (await fixture.call("get_server_tools", { server: "x" })).code,
      list.ok ? undefined : String(list.error.code),
    ];
  };
  const judged = ["INVALID_ARGUMENTS", "INVALID_AGENT_ID", "-32602", "DENIED_BY_POLICY", undefined];
  assert.deepEqual(await codesOfAll(), judged);
  assert.deepEqual(await codesOfAll(), [...Array(4).fill("RATE_LIMITED"), "-32005"]);
  const unknown = fixture.readAuditEntries().filter(({ code }) => code === "TOOL_NOT_FOUND");
  assert.deepEqual(unknown.map(({ operation, tool }) => [operation, tool]), [
    ["tools/call", "no_such_tool"],
  ]);
});

Deno.test("[rules.limits-first] requests that are no calls count towards the limit per minute, and the first initialize is answered beyond it", async () => {
  const rules = { agents: { a: { limits: { per_minute: 5 } } } };
  await using fixture = await SessionFixture.open(rules, { bound: "a" });
  const peer = fixture.peer(0);
  const initialize = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: {} };
  const codeOf = async (method: string, params = {}) => {
    const reply = await peer.request(method, params);
    return reply.ok ? undefined : reply.error.code;
  };
  const codesOfAll = async () => {
    peer.notify("notifications/roots/list_changed");
    return [
      await codeOf("ping"),
      await codeOf("logging/setLevel", { level: "error" }),
      await codeOf("prompts/none"),
      await codeOf("initialize", initialize),
    ];
  };
  assert.equal(await codeOf("initialize", initialize), undefined);
  assert.deepEqual(await codesOfAll(), [undefined, undefined, -32601, -32600]);
  assert.deepEqual(await codesOfAll(), Array(4).fill(-32005));
  assert.deepEqual(fixture.passedOn, ["roots", "error"]);
  const operations = fixture.readAuditEntries().map(({ operation, code }) => [operation, code]);
  assert.deepEqual(
    operations,
    ["notifications/roots/list_changed", "ping", "logging/setLevel", "unknown", "initialize"]
      .map((operation) => [operation, "RATE_LIMITED"]),
  );
  const another = fixture.peer(fixture.addClient());
  assert.ok((await another.request("initialize", initialize)).ok);
});

Deno.test("[rules.limits-first] a request that is no call is answered while all concurrent calls are active", async () => {
  const rules = { agents: { a: { limits: { concurrent: 1 } } } };
  await using fixture = await SessionFixture.open(rules, { bound: "a" });
  await fixture.startHeldCall("a");
  assert.ok((await fixture.peer(0).request("ping", {})).ok);
  assert.ok((await fixture.peer(0).request("tools/list", {})).ok);
});

Deno.test("[rules.limits-first] callers that are not identified share the default limit", async () => {
  await using fixture = await SessionFixture.open({
    agents: { a: {} },
    defaults: { limits: { per_minute: 2 } },
  });
  assert.equal((await fixture.call("list_servers", { agent_id: "x" })).code, "INVALID_AGENT_ID");
  assert.equal((await fixture.call("list_servers", { agent_id: "y" })).code, "INVALID_AGENT_ID");
  assert.equal((await fixture.call("list_servers", { agent_id: "z" })).code, "RATE_LIMITED");
  assert.deepEqual(await fixture.call("list_servers", { agent_id: "a" }), {});
});

Deno.test("[rules.limits] each default limit applies unless the agent sets the same limit", async () => {
  await using fixture = await SessionFixture.open({
    agents: {
      with_rate: { limits: { per_minute: 3 } },
      without: {},
      with_concurrency: { limits: { concurrent: 2 } },
    },
    defaults: { limits: { per_minute: 1, concurrent: 1 } },
  });
  const codesOfCalls = async (agent_id: string, callCount: number) => {
    const answerCodes = [];
    for (let index = 0; index < callCount; index++) {
      answerCodes.push((await fixture.call("list_servers", { agent_id })).code);
    }
    return answerCodes;
  };
  const limited = "RATE_LIMITED";
  assert.deepEqual(await codesOfCalls("with_rate", 4), [undefined, undefined, undefined, limited]);
  // The default applies to each agent separately.
  assert.deepEqual(await codesOfCalls("without", 2), [undefined, limited]);
  assert.deepEqual(await codesOfCalls("with_concurrency", 2), [undefined, limited]);
});

Deno.test("[errors.rate-limited] [rules.limits] calls beyond the concurrent limit are refused", async () => {
  await using fixture = await SessionFixture.open({
    agents: { a: { limits: { concurrent: 2 } }, b: {} },
  });
  const [firstAnswer] = await fixture.startHeldCall("a");
  // All clients of an agent share its limit.
  await fixture.startHeldCall("a", { client: fixture.addClient() });
  const refused = await fixture.call("wait", { agent_id: "a" });
  assert.deepEqual(refused, {
    code: "RATE_LIMITED",
    retryable: true,
    message:
      'Agent "a" already has 2 active calls; its limit is 2. Call again when one of them is answered.',
    retry_after_ms: 1000,
  });
  await fixture.startHeldCall("b");
  fixture.heldCalls[0]?.end();
  assert.deepEqual(await firstAnswer, {});
  await fixture.startHeldCall("a");
});

Deno.test("[rules.limits] a permit is released however the call ends", async () => {
  await using fixture = await SessionFixture.open({ agents: { a: { limits: { concurrent: 1 } } } });
  const [failedAnswer] = await fixture.startHeldCall("a");
  fixture.heldCalls[0]?.fail(new Error("a fault of the gateway"));
  assert.equal((await failedAnswer)?.code, "-32603");

  const controller = new AbortController();
  await fixture.startHeldCall("a", { signal: controller.signal });
  controller.abort();
  await waitUntil("the cancelled call is over", () => fixture.limits.callCount === 0);

  const closedClient = fixture.addClient();
  await fixture.startHeldCall("a", { client: closedClient });
  await fixture.peer(closedClient).close();
  await waitUntil(
    "the call of a closed client is over",
    () => fixture.limits.callCount === 0,
  );

  assert.equal(
    (await fixture.call("get_server_tools", { agent_id: "a" })).code,
    "INVALID_ARGUMENTS",
  );
  assert.equal(
    (await fixture.call("get_server_tools", { agent_id: "a", server: "x" })).code,
    "DENIED_BY_POLICY",
  );
  assert.equal(fixture.limits.callCount, 0);
});

Deno.test("[rules.limits] a reload changes the limits but keeps the counts of calls", async () => {
  const rules = (per_minute: number, concurrent: number) => ({
    agents: { a: { limits: { per_minute, concurrent } } },
  });
  await using fixture = await SessionFixture.open(rules(10, 1));
  await fixture.startHeldCall("a");
  assert.match((await fixture.call("wait", { agent_id: "a" })).message ?? "", /active call/);
  await fixture.reload(rules(2, 2));
  assert.match((await fixture.call("wait", { agent_id: "a" })).message ?? "", /in a minute/);
  await fixture.reload(rules(5, 2));
  await fixture.startHeldCall("a");
  assert.match((await fixture.call("wait", { agent_id: "a" })).message ?? "", /active call/);
  await fixture.reload({ agents: { a: {} } });
  await fixture.startHeldCall("a");
  await fixture.startHeldCall("a");
});

Deno.test("[rules.limits] limits of the whole gateway apply in addition to those of an agent", async () => {
  const rules = { agents: { a: { limits: { per_minute: 1 } }, b: {} } };
  await using fixture = await SessionFixture.open(rules, {
    limits: { maxCalls: 2, callsPerMinute: 3 },
  });
  await fixture.startHeldCall("b");
  await fixture.startHeldCall("a");
  // A call refused by its agent's own limit does not count towards the other limits.
  assert.match(
    (await fixture.call("wait", { agent_id: "a" })).message ?? "",
    /^Agent "a" has made/,
  );
  const { code, message } = await fixture.call("wait", { agent_id: "b" });
  assert.equal(code, "RATE_LIMITED");
  assert.match(message ?? "", /^The gateway already has 2 active calls, its maximum\./);
  fixture.heldCalls[0]?.end();
  await waitUntil("one call remains", () => fixture.limits.callCount === 1);
  const refused = await fixture.call("wait", { agent_id: "b" });
  assert.match(refused.message ?? "", /^The gateway has made the 3 calls/);
  assert.ok((refused.retry_after_ms ?? 0) > 50_000);
});

Deno.test("[rules.limits] a client has at most 10,000 unanswered calls", async () => {
  await using fixture = await SessionFixture.open({ agents: { a: {} } });
  const calls = Array.from({ length: 10_500 }, () => fixture.call("wait", { agent_id: "a" }));
  const answers = Promise.all(calls);
  await waitUntil("10,000 calls run and 500 are refused", () => {
    return refusedCount(fixture) === 500 && fixture.heldCalls.length === 10_000;
  });
  // Another client is not affected.
  await fixture.startHeldCall("a", { client: fixture.addClient() });
  for (const { end } of fixture.heldCalls) end();
  const codes = (await answers).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === "RATE_LIMITED").length, 500);
  assert.equal(codes.filter((code) => code === undefined).length, 10_000);
});

/** Returns the number of refused calls in the log, whether they have a line or were only counted. */
function refusedCount(fixture: SessionFixture): number {
  return fixture.readAuditEntries().reduce((sum, { counts }) => {
    return sum +
      (counts === undefined
        ? 1
        : Object.values<number>(Object(counts)).reduce((one, two) => one + two, 0));
  }, 0);
}
