import assert from "node:assert/strict";
import { SessionFixture } from "../session_fixture.ts";
import { claim, serverInfo } from "./claims.ts";

const RULES = { agents: { a: { allow: { servers: ["*"] } } } };
const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

async function request(fixture: SessionFixture, method: string, params: Record<string, unknown>) {
  const reply = await fixture.peer(0).request(method, params);
  return reply.ok
    ? { result: reply.result.value as Record<string, unknown>, error: undefined }
    : { result: undefined, error: reply.error };
}

Deno.test("[eras.each-request] each request is classified on its own, before and after initialize", async () => {
  await using fixture = await SessionFixture.open(RULES, { bound: "a" });
  const stateless = async () => {
    const { result } = await request(fixture, "tools/list", { _meta: claim() });
    assert.equal(result?.resultType, "complete");
    const { error } = await request(fixture, "ping", { _meta: claim() });
    assert.equal(error?.code, -32601);
  };
  const earlier = async () => {
    const { result } = await request(fixture, "tools/list", {});
    assert.equal(result?.resultType, undefined);
    assert.deepEqual((await request(fixture, "ping", {})).result, {});
    assert.equal((await request(fixture, "server/discover", {})).error?.code, -32601);
  };
  await stateless();
  const initialize = { protocolVersion: "2026-07-28", capabilities: {}, clientInfo: {} };
  const { result } = await request(fixture, "initialize", initialize);
  assert.equal(result?.protocolVersion, "2025-11-25");
  await earlier();
  await stateless();
  await earlier();
});

Deno.test("[eras.each-request] methods that the revision does not have are unknown", async () => {
  await using fixture = await SessionFixture.open(RULES, { bound: "a" });
  const methods = [
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/get",
    "toString",
  ];
  for (const method of methods) {
    const { error } = await request(fixture, method, { uri: "a:b", _meta: claim() });
    assert.equal(error?.code, -32601, method);
  }
});

Deno.test("[eras.claims] an invalid claim is refused with the code that says what is wrong", async () => {
  await using fixture = await SessionFixture.open(RULES, { bound: "a" });
  for (const version of [null, 7, {}, ["2026-07-28"], true]) {
    const { error } = await request(fixture, "tools/list", {
      _meta: claim({ [VERSION]: version }),
    });
    assert.equal(error?.code, -32602, JSON.stringify(version));
    assert.ok(error?.message.includes(VERSION));
  }
  for (const version of ["2025-11-25", "2027-01-01", "", "2026-07-28 "]) {
    const { error } = await request(fixture, "tools/list", {
      _meta: claim({ [VERSION]: version }),
    });
    assert.equal(error?.code, -32022, version);
    assert.deepEqual(error?.data, { supported: ["2026-07-28"], requested: version });
  }
  for (const capabilities of [undefined, null, "all", []]) {
    const meta = { ...claim(), [CAPABILITIES]: capabilities };
    for (const method of ["tools/list", "server/discover", "tools/call", "resources/list"]) {
      const { error } = await request(fixture, method, { _meta: meta });
      assert.equal(error?.code, -32602, JSON.stringify(capabilities));
      assert.ok(error?.message.includes(CAPABILITIES));
    }
  }
});

Deno.test("[eras.claims] odd but valid claims are taken", async () => {
  await using fixture = await SessionFixture.open(RULES, { bound: "a" });
  const odd = [
    { capabilities: { unknown: 1, elicitation: 7, roots: { listChanged: true } } },
    { logLevel: "loud" },
    { logLevel: 7 },
    { "io.modelcontextprotocol/clientInfo": "nobody" },
    { "io.modelcontextprotocol/serverInfo": {}, "__proto__": 1, progressToken: {} },
  ];
  for (const members of odd) {
    const { result } = await request(fixture, "tools/list", { _meta: claim(members) });
    assert.ok(Array.isArray(result?.tools), JSON.stringify(members));
  }
});

Deno.test("[eras.introduction] the gateway describes itself", async () => {
  await using fixture = await SessionFixture.open(RULES, { bound: "a" });
  const { result = {} } = await request(fixture, "server/discover", { _meta: claim() });
  const { instructions, _meta, ttlMs, ...rest } = result;
  assert.deepEqual(rest, {
    resultType: "complete",
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: {}, logging: {} },
    cacheScope: "private",
  });
  assert.ok(Number(ttlMs) >= 0);
  assert.match(String(instructions), /get_server_tools/);
  assert.deepEqual(serverInfo(result), { name: "agent-mcp-gateway", version: "1" });
  assert.deepEqual(Object.keys(_meta as object), ["io.modelcontextprotocol/serverInfo"]);
});

Deno.test("[eras.introduction] beyond a limit only the first server/discover is answered", async () => {
  const rules = { agents: { a: { allow: { servers: ["*"] }, limits: { per_minute: 1 } } } };
  await using fixture = await SessionFixture.open(rules, { bound: "a" });
  assert.ok((await request(fixture, "tools/list", { _meta: claim() })).result);
  assert.ok((await request(fixture, "server/discover", { _meta: claim() })).result);
  const codes = [];
  for (const method of ["server/discover", "tools/list", "ping"]) {
    codes.push((await request(fixture, method, { _meta: claim() })).error?.code);
  }
  assert.deepEqual(codes, [-32005, -32005, -32005]);
});

Deno.test("[eras.codes] errors have only codes that the revision has", async () => {
  await using fixture = await SessionFixture.open(RULES, { bound: "a" });
  const codeOf = async (method: string, params: Record<string, unknown>) => {
    return (await request(fixture, method, { ...params, _meta: claim() })).error?.code;
  };
  assert.equal(await codeOf("resources/read", { uri: "nowhere://x" }), -32602);
  assert.equal(await codeOf("prompts/get", { name: "nobody" }), -32602);
  assert.equal(await codeOf("tools/call", { name: "nobody" }), -32602);
  assert.equal(
    (await request(fixture, "resources/read", { uri: "nowhere://x" })).error?.code,
    -32002,
  );
});
