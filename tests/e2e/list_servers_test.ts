import assert from "node:assert/strict";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";

const SECRET = "canary-5c1f0b";

/** One server of every kind, with secrets in all parts of an entry that may contain a secret. */
const SERVERS = {
  "zeta": { ...misbehavingServer(), description: "The first entry", env: { KEY: `${SECRET}-env` } },
  "dying": { ...misbehavingServer("--exit=3"), description: "Fails to start" },
  "off": { ...misbehavingServer(), disabled: true },
  "remote": {
    url: `https://user:${SECRET}@\${HOST:-example.com}/mcp/\${PATH_PART}?key=${SECRET}#${SECRET}`,
    headers: { Authorization: `Bearer ${SECRET}` },
  },
  "unset": { command: "${NOT_SET_HERE}/bin/tool", args: [`--token=${SECRET}`] },
  "seven": { command: "no-such-program-here", description: "" },
  "hidden": misbehavingServer(),
  ["__proto__"]: { command: "true", type: "stdio", vendorKey: { any: "thing" } },
};

/** Text of the servers file. One server's name is a number, which a JavaScript object would list first. */
const SERVERS_FILE = JSON.stringify({ mcpServers: SERVERS }).replace('"seven":', '"7":');

const RULES = {
  agents: {
    reader: { allow: { servers: ["*"] }, deny: { servers: ["hidden"] } },
    nobody: {},
  },
};

/** Calls `list_servers` as the agent `reader`. */
async function listServers(gateway: RunningGateway, args: object = {}): Promise<unknown> {
  return await gateway.callGatewayToolForJson("list_servers", { agent_id: "reader", ...args });
}

Deno.test("list_servers shows the servers that an agent may use", async (t) => {
  await using gateway = await startGateway({ servers: SERVERS_FILE, rules: RULES });

  const title = "[tools.servers-shape] [tools.servers-order] [tools.servers-allowed] " +
    "[servers.unknown-keys] " +
    "the list has the names and descriptions of the allowed servers, in the file's order";
  await t.step(title, async () => {
    assert.deepEqual(await listServers(gateway), [
      { name: "zeta", description: "The first entry" },
      { name: "dying", description: "Fails to start" },
      { name: "remote" },
      { name: "unset" },
      { name: "7", description: "" },
      { name: "__proto__" },
    ]);
  });

  await t.step("[tools.servers-failing] a server that failed stays in the list", async () => {
    const { code } = await gateway.expectRefusal("execute_tool", {
      agent_id: "reader",
      server: "dying",
      tool: "x",
      args: {},
    });
    assert.equal(code, "SERVER_UNAVAILABLE");
    const names = (await listServers(gateway) as { name: string }[]).map((server) => server.name);
    for (const name of ["dying", "unset", "7"]) assert.ok(names.includes(name), name);
  });

  await t.step(
    "[tools.servers-disabled] a disabled server is unavailable, and the message says why",
    async () => {
      for (const tool of ["execute_tool", "get_server_tools"]) {
        const args = { server: "off", ...tool === "execute_tool" ? { tool: "echo" } : {} };
        assert.deepEqual(await gateway.expectRefusal(tool, { agent_id: "reader", ...args }), {
          code: "SERVER_UNAVAILABLE",
          retryable: false,
          message: 'Server "off" is not available: it is disabled in the servers file.',
          hint: "Call list_servers to see the servers you may use",
        });
        // Only an agent that may use the server learns that it is disabled.
        const denial = await gateway.expectRefusal(tool, { agent_id: "nobody", ...args });
        assert.equal(denial.code, "DENIED_BY_POLICY");
        assert.doesNotMatch(JSON.stringify(denial), /disabled/);
      }
    },
  );

  await t.step(
    "[tools.servers-structured] list_servers has structured content, and get_server_tools has none",
    async () => {
      for (const agent_id of ["reader", "nobody"]) {
        const result = await gateway.callGatewayTool("list_servers", {
          agent_id,
          include_metadata: true,
        });
        const servers = await listServers(gateway, { agent_id, include_metadata: true });
        assert.deepEqual(result.structuredContent, { servers });
      }
      const { structuredContent } = await gateway.callGatewayTool("get_server_tools", {
        agent_id: "reader",
        server: "zeta",
      });
      assert.equal(structuredContent, undefined);
    },
  );

  await t.step(
    "[tools.servers-metadata] metadata has the transport and the command or url, with unexpanded variables",
    async () => {
      const { command } = misbehavingServer();
      assert.deepEqual(await listServers(gateway, { include_metadata: true }), [
        { name: "zeta", description: "The first entry", transport: "stdio", command },
        { name: "dying", description: "Fails to start", transport: "stdio", command },
        {
          name: "remote",
          transport: "http",
          url: "https://${HOST:-example.com}/mcp/${PATH_PART}",
        },
        { name: "unset", transport: "stdio", command: "${NOT_SET_HERE}/bin/tool" },
        { name: "7", description: "", transport: "stdio", command: "no-such-program-here" },
        { name: "__proto__", transport: "stdio", command: "true" },
      ]);
    },
  );

  await t.step(
    "[tools.servers-metadata] include_metadata: false or null is the same as no include_metadata",
    async () => {
      for (const include_metadata of [false, null]) {
        assert.deepEqual(
          await listServers(gateway, { include_metadata }),
          await listServers(gateway),
        );
      }
    },
  );

  await t.step("[tools.servers-no-secrets] neither an answer nor the log contains a secret", () => {
    const answers = gateway.client.receivedMessages.map(({ text }) => text).join("\n");
    assert.equal(answers.includes(SECRET), false);
    assert.equal(gateway.program.stderr.includes(SECRET), false);
  });

  await t.step("[tools.servers-allowed] an agent without servers gets an empty list", async () => {
    assert.deepEqual(
      await gateway.callGatewayToolForJson("list_servers", { agent_id: "nobody" }),
      [],
    );
  });
});

Deno.test("[servers.empty] without servers the list is empty", async () => {
  await using gateway = await startGateway();
  assert.deepEqual(await gateway.callGatewayToolForJson("list_servers"), []);
});
