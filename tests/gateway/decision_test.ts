import assert from "node:assert/strict";
import { SessionFixture } from "./session_fixture.ts";

Deno.test("[rules.ask-denies] a call that nobody has approved is refused, and its record is a denial", async () => {
  const ask = { tools: { "*": ["write_*"] } };
  await using fixture = await SessionFixture.open({
    agents: { a: { allow: { servers: ["files", "other"] }, ask } },
  }, { servers: { files: { command: "no-such-program" } } });
  const call = async (server: string) =>
    await fixture.call("execute_tool", { server, tool: "write_file", agent_id: "a" });
  const { code, rule, message } = await call("files");
  assert.deepEqual([code, rule], ["DENIED_BY_POLICY", 'agents.a.ask.tools["*"][0]']);
  assert.equal(
    message,
    'Agent "a" may use tool "write_file" of server "files" only with a person\'s approval of the call, and nobody ' +
      "can be asked: there is no home folder for the approvals: set HOME.",
  );
  const entry = fixture.readAuditEntries().at(-1) ?? {};
  assert.deepEqual([entry["decision"], entry["code"]], ["DENY", "DENIED_BY_POLICY"]);
  // Nobody is asked about a server that is not there.
  assert.equal((await call("other")).code, "SERVER_UNAVAILABLE");
});

Deno.test("[rules.ask-conditions] a refusal names the arguments with which a person would be asked", async () => {
  const when = { path: { within: "/srv/notes" } };
  await using fixture = await SessionFixture.open({
    agents: {
      a: {
        allow: { servers: ["files"], tools: { files: ["read_*"] } },
        ask: { tools: { files: [{ tool: "write_*", when }] } },
      },
    },
  });
  const args = { path: "/etc/passwd" };
  const { code, rule, message, hint } = await fixture.call("execute_tool", {
    ...{ server: "files", tool: "write_file", args, agent_id: "a" },
  });
  assert.deepEqual([code, rule], ["DENIED_BY_POLICY", "agents.a.ask.tools.files[0]"]);
  assert.equal(
    message,
    'Agent "a" may not use tool "write_file" of server "files" like this: ' +
      "path must be within /srv/notes, with a person's approval.",
  );
  assert.match(String(hint), /^Correct the arguments and call again, or tell the user/);
});

Deno.test("[rules.error-denies] a call is denied if deciding about it throws an error, and only the log has the error", async () => {
  const rules = { agents: { a: { allow: { servers: ["*"] } }, b: { allow: { servers: ["*"] } } } };
  await using fixture = await SessionFixture.open(rules);
  fixture.breakRulesOf("a", new Error("secret detail"));
  const args = { server: "files", tool: "read" };
  const { code, message, rule, hint = "", ...otherFields } = await fixture.call("execute_tool", {
    ...args,
    agent_id: "a",
  });
  assert.equal(code, "DENIED_BY_POLICY");
  assert.equal(message, 'Agent "a" may not use tool "read" of server "files".');
  assert.equal(rule, "agents.a");
  assert.deepEqual(otherFields, { retryable: false });
  const [, logId] =
    /^Tell the user that the gateway failed to decide; its log has the reason under (\S+)$/
      .exec(hint) ?? [];
  const index = fixture.log.fields.findIndex((fields) => fields["id"] === logId);
  assert.equal(
    fixture.log.messages[index],
    "error Denied an operation because deciding about it failed",
  );
  const { operation, agent, reason } = fixture.log.fields[index] ?? {};
  assert.deepEqual([operation, agent], ["execute_tool", "a"]);
  assert.match(String(reason), /^Error: secret detail\n/);
  const auditEntry = fixture.readAuditEntries().at(-1) ?? {};
  assert.deepEqual([auditEntry["decision"], auditEntry["code"], auditEntry["rule"]], [
    "DENY",
    "DENIED_BY_POLICY",
    "agents.a",
  ]);
  // Agent a can still list servers, and the decisions about agent b are unaffected.
  assert.equal((await fixture.call("list_servers", { agent_id: "a" })).code, undefined);
  assert.equal(
    (await fixture.call("execute_tool", { ...args, agent_id: "b" })).code,
    "SERVER_UNAVAILABLE",
  );
});
