import assert from "node:assert/strict";
import { readRefusal } from "./agent_session.ts";
import { ApprovalFixture, type ApprovalOptions } from "./approval_fixture.ts";
import { describeStdioServer } from "./eras_servers.ts";
import { startGateway } from "./gateway.ts";
import type { Fields } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

/** Rules under which the agent may use the own server besides `notes`. */
const RULES = { allow: { servers: ["notes", "gateway"] } };

async function start(options: ApprovalOptions = {}): Promise<ApprovalFixture> {
  return await ApprovalFixture.start({ rules: RULES, ...options });
}

/** Returns the parsed text of a result. */
function textOf(result: Fields): Fields {
  const [{ text = "" } = {}] = result.content as { text?: string }[];
  return JSON.parse(text);
}

async function readStatus(fixture: ApprovalFixture, id: unknown): Promise<Fields> {
  const { gateway } = fixture;
  const result = await gateway.callServerTool("gateway", "approval_status", { id });
  assert.equal(result.isError, undefined, JSON.stringify(result));
  assert.deepEqual(textOf(result), result.structuredContent);
  return textOf(result);
}

for (const transport of ["stdio", "http"] as const) {
  Deno.test(`[own.server] the own server is a server like any other, over ${transport}`, async () => {
    await using fixture = await start({ transport });
    const { gateway } = fixture;
    const servers = textOf(
      await gateway.callGatewayTool("list_servers", { include_metadata: true }),
    ) as unknown as Fields[];
    assert.deepEqual(servers.map(({ name }) => name), ["notes", "gateway"]);
    assert.equal(servers[1]?.transport, "memory");
    const listed = textOf(await gateway.callGatewayTool("get_server_tools", { server: "gateway" }));
    const names = (listed.tools as Fields[]).map(({ name }) => name);
    assert.ok(names.includes("approval_status"), names.join());
    const found = textOf(
      await gateway.callGatewayTool("get_server_tools", { query: "status of an approval" }),
    );
    const [first] = found.tools as Fields[];
    assert.deepEqual([first?.server, first?.name], ["gateway", "approval_status"]);
    const refusal = readRefusal(await gateway.callServerTool("gateway", "no_such_tool", {}));
    assert.equal(refusal.code, "TOOL_NOT_FOUND");
    const missing = readRefusal(await gateway.callServerTool("gateway", "approval_status", {}));
    assert.equal(missing.code, "INVALID_ARGUMENTS");
    assert.equal((await readStatus(fixture, "abcde")).status, "unknown");
    const line = await waitUntil("the call is in the audit log", () => {
      return gateway.readAuditLog().find(({ tool, decision }) => {
        return tool === "approval_status" && decision === "ALLOW";
      });
    });
    assert.deepEqual([line.server, line.rule, line.phase], [
      "gateway",
      "agents.writer.allow.servers[1]",
      undefined,
    ]);
  });
}

Deno.test("[own.server] an agent whose rules do not name the own server cannot use it", async () => {
  await using fixture = await ApprovalFixture.start();
  const servers = textOf(
    await fixture.gateway.callGatewayTool("list_servers", {}),
  ) as unknown as Fields[];
  assert.deepEqual(servers.map(({ name }) => name), ["notes"]);
  const refusal = readRefusal(
    await fixture.gateway.callServerTool("gateway", "approval_status", { id: "abcde" }),
  );
  assert.equal(refusal.code, "DENIED_BY_POLICY");
});

Deno.test("[own.server] a client that sees tools directly sees those of the own server", async () => {
  await using fixture = await start({ env: { GATEWAY_FACE: "direct" } });
  const { client } = fixture.gateway;
  const { result } = await client.request("tools/list", {});
  const tool = (result?.tools as Fields[]).find(({ name }) => name === "gateway__approval_status");
  assert.equal((tool?.annotations as Fields).readOnlyHint, true);
  const answer = await client.request("tools/call", {
    name: "gateway__approval_status",
    arguments: { id: "abcde" },
  });
  assert.equal((answer.result?.structuredContent as Fields).status, "unknown");
});

Deno.test("[own.approval-status] an agent reads how its approval stands", async () => {
  await using fixture = await start({ times: { wait_s: 0, expires_s: 600 } });
  const ask = async (id: string): Promise<string> => {
    const refusal = readRefusal(await fixture.call(id)) as unknown as Fields;
    assert.equal(refusal.code, "APPROVAL_REQUIRED");
    return String(refusal.approval_id);
  };
  const id = await ask("a");
  const pending = await readStatus(fixture, id);
  assert.deepEqual([pending.id, pending.status, pending.server, pending.tool], [
    id,
    "pending",
    "notes",
    "plain",
  ]);
  assert.ok(Date.parse(String(pending.expires)) > Date.now());
  assert.equal((await readStatus(fixture, id.slice(0, 5).toUpperCase())).id, id);
  // The name that the id has in a refusal.
  const args = { approval_id: id };
  const renamed = await fixture.gateway.callServerTool("gateway", "approval_status", args);
  assert.equal(textOf(renamed).status, "pending", JSON.stringify(renamed));
  const short = readRefusal(
    await fixture.gateway.callServerTool("gateway", "approval_status", { id: id.slice(0, 4) }),
  );
  assert.equal(short.code, "INVALID_ARGUMENTS");
  await fixture.allow(id);
  assert.equal((await readStatus(fixture, id)).status, "allowed");
  assert.equal((await fixture.call("a")).isError, undefined);
  const used = await readStatus(fixture, id);
  assert.deepEqual([used.status, used.expires], ["used", undefined]);
  const denied = await ask("b");
  const { code } = await fixture.shell("approvals", "deny", denied, "--reason", "Not today");
  assert.equal(code, 0);
  const denial = await readStatus(fixture, denied);
  assert.deepEqual([denial.status, denial.by, denial.reason], ["denied", "shell", "Not today"]);
});

Deno.test("[own.approval-status] an approval that nobody gave in time has expired", async () => {
  await using fixture = await start({ times: { wait_s: 0, expires_s: 1 } });
  const { approval_id: id } = readRefusal(await fixture.call("a")) as unknown as Fields;
  const status = await waitUntil("the request expires", async () => {
    const read = await readStatus(fixture, id);
    return read.status === "pending" ? undefined : read;
  });
  assert.equal(status.status, "expired");
  // Another gateway of the user has not seen the request.
  await using other = await start({ rules: RULES });
  assert.equal((await readStatus(other, id)).status, "unknown");
});

Deno.test("[own.approval-status] an agent does not learn of approvals of other agents", async () => {
  const rules = { allow: { servers: ["notes", "gateway"] }, ask: { tools: { notes: ["*"] } } };
  const folder = Deno.makeTempDirSync();
  const server = describeStdioServer("earlier", folder, { name: "notes" });
  await using gateway = await startGateway({
    servers: { notes: server.entry },
    rules: { agents: { one: rules, two: rules }, defaults: { approval: { wait_s: 0 } } },
  });
  const statusFor = async (agent_id: string, id: unknown): Promise<unknown> => {
    const result = await gateway.callServerTool("gateway", "approval_status", { id }, { agent_id });
    return textOf(result).status;
  };
  const asked = await gateway.callServerTool("notes", "plain", { id: "a" }, { agent_id: "one" });
  const { approval_id: id } = readRefusal(asked) as unknown as Fields;
  assert.deepEqual([await statusFor("one", id), await statusFor("two", id)], [
    "pending",
    "unknown",
  ]);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("[own.server] a client whose agent has only the own server is offered neither resources nor prompts", async () => {
  await using gateway = await startGateway({
    servers: {},
    rules: { agents: { writer: { allow: { servers: ["gateway"] } } } },
    args: ["--agent", "writer"],
    initialize: false,
  });
  const { result } = await gateway.client.initialize();
  assert.deepEqual(Object.keys(result?.capabilities as Fields).sort(), ["logging", "tools"]);
  assert.match(String(result?.instructions), /gateway: Tools of the gateway itself/);
});

Deno.test("[own.code] code has the rights of the agent that runs it, also on a connection of several agents", async () => {
  const folder = Deno.makeTempDirSync();
  const server = describeStdioServer("earlier", folder, { name: "notes" });
  await using gateway = await startGateway({
    servers: { notes: server.entry },
    rules: {
      agents: {
        one: { allow: { servers: ["notes", "gateway"] } },
        two: { allow: { servers: ["gateway"] } },
      },
    },
  });
  const code = `
    const tried = (run) => run().then(() => "ok", (error) => error.code);
    return [await tried(() => tools.notes.plain({ id: "a" })), await tried(() => tools.notes.plain({ id: "a", agent_id: "one" }))];
  `;
  const outcomes = await Promise.all(["one", "two"].map(async (agent_id) => {
    const result = await gateway.callServerTool("gateway", "run_code", { code }, { agent_id });
    return textOf(result).result;
  }));
  assert.deepEqual(outcomes, [["ok", "ok"], ["DENIED_BY_POLICY", "DENIED_BY_POLICY"]]);
  const calls = gateway.readAuditLog().filter(({ tool }) => tool === "plain");
  assert.deepEqual(calls.map(({ agent_id, decision }) => `${agent_id} ${decision}`).sort(), [
    "one ALLOW",
    "one ALLOW",
    "two DENY",
    "two DENY",
  ]);
  Deno.removeSync(folder, { recursive: true });
});
