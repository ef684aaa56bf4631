import assert from "node:assert/strict";
import { join } from "node:path";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { ensureServers, serverEntry, type TestServer } from "../../scripts/test_servers.ts";
import { DirectConnection } from "./direct_connection.ts";
import { type Fields, startGateway } from "./gateway.ts";

/** Entry of `mcpServers` for a server from npm. */
function realServer(server: TestServer, ...args: string[]): { command: string; args: string[] } {
  return { command: "node", args: [serverEntry(server), ...args] };
}

Deno.test("real servers from npm work behind the gateway", async (t) => {
  await ensureServers();
  const rules = {
    agents: {
      reader: {
        allow: { servers: ["*"], tools: { files: ["read_*", "list_*", "search_files"] } },
      },
      writer: { allow: { servers: ["files", "memory"] }, deny: { tools: { "*": ["delete_*"] } } },
    },
  };
  await using gateway = await startGateway({
    servers: {
      everything: realServer("everything"),
      files: realServer("filesystem", "${workspaceFolder}"),
      memory: {
        ...realServer("memory"),
        env: { MEMORY_FILE_PATH: "${workspaceFolder}/memory.jsonl" },
      },
    },
    rules,
  });
  const { workingFolder: folder } = gateway.setup;
  const asAgent = (agent_id: string) => ({ agent_id });
  await using direct = await DirectConnection.start(realServer("everything"));

  await t.step(
    "[tools.listing-fields] all tools of server-everything are listed with all fields",
    async () => {
      const { tools } = await gateway.callGatewayToolForJson<{ tools: Fields[] }>(
        "get_server_tools",
        {
          agent_id: "reader",
          server: "everything",
          detail: "full",
        },
      );
      assert.deepEqual(tools, await direct.listTools());
    },
  );

  const calls: readonly (readonly [tool: string, args: Fields])[] = [
    ["echo", { message: "é😀" }],
    ["get-sum", { a: 1, b: 2.5 }],
    ["get-tiny-image", {}],
    ["get-annotated-message", { messageType: "error", includeImage: true }],
    ["get-structured-content", { location: "New York" }],
    ["get-resource-links", { count: 3 }],
    ["get-resource-reference", { resourceType: "Text", resourceId: 1 }],
  ];
  await t.step("[tools.execute-unchanged] results equal those of direct calls", async () => {
    for (const [tool, args] of calls) {
      const { result } = JSON.parse(await direct.callTool(tool, args));
      const throughGateway = await gateway.callServerTool(
        "everything",
        tool,
        args,
        asAgent("reader"),
      );
      // Some resources of that server contain the time of their creation.
      const withoutTimes = (value: unknown) =>
        JSON.stringify(value).replace(/at \d+:\d+:\d+ \wM/g, "");
      assert.equal(withoutTimes(throughGateway), withoutTimes(result), tool);
    }
  });

  await t.step(
    "[tools.misfit-args] an error about arguments equals that of a direct call, plus the schema",
    async () => {
      const args = { message: 7 };
      const { result } = JSON.parse(await direct.callTool("echo", args));
      const { content, ...throughGateway } = await gateway.callServerTool(
        "everything",
        "echo",
        args,
        asAgent("reader"),
      );
      const [error, addedContent, ...more] = content as { text: string }[];
      assert.deepEqual({ content: [error, ...more], ...throughGateway }, result);
      const { hint, inputSchema } = JSON.parse(addedContent?.text ?? "{}");
      assert.match(hint, /^In args, "message" must be of type string\./);
      assert.deepEqual(inputSchema.required, ["message"]);
    },
  );

  await t.step("[protocol.progress] progress of server-everything reaches the client", async () => {
    const { client } = gateway;
    const slowTool = "trigger-long-running-operation";
    await client.request("tools/call", {
      name: "execute_tool",
      arguments: {
        agent_id: "reader",
        server: "everything",
        tool: slowTool,
        args: { duration: 0.3, steps: 3 },
      },
      _meta: { progressToken: "long" },
    });
    assert.deepEqual(client.notificationParams("notifications/progress"), [
      { progress: 1, total: 3, progressToken: "long" },
      { progress: 2, total: 3, progressToken: "long" },
      { progress: 3, total: 3, progressToken: "long" },
    ]);
  });

  await t.step(
    "[rules.five-steps] one agent may only read through server-filesystem, another may write",
    async () => {
      const path = join(folder, "note.txt");
      const write = { server: "files", tool: "write_file", args: { path, content: "hello" } };
      const { code, rule } = await gateway.expectRefusal("execute_tool", {
        ...asAgent("reader"),
        ...write,
      });
      assert.deepEqual([code, rule], [
        "DENIED_BY_POLICY",
        "agents.reader.allow.tools.files",
      ]);
      await gateway.callGatewayTool("execute_tool", { ...asAgent("writer"), ...write });
      assert.equal(Deno.readTextFileSync(path), "hello");
      const read = await gateway.callServerTool(
        "files",
        "read_text_file",
        { path },
        asAgent("reader"),
      );
      assert.equal((read.content as { text: string }[])[0]?.text, "hello");
    },
  );

  await t.step(
    "[tools.listing-allowed] [tools.listing-counts] each agent sees the tools that it may call",
    async () => {
      const listTools = (agent_id: string) => {
        return gateway.callGatewayToolForJson<
          { tools: { name: string }[]; total_available: number }
        >(
          "get_server_tools",
          { agent_id, server: "files", detail: "names" },
        );
      };
      const [reader, writer] = [await listTools("reader"), await listTools("writer")];
      assert.ok(reader.tools.every(({ name }) => /^(read_|list_|search_files)/.test(name)));
      assert.equal(reader.tools.length, reader.total_available);
      assert.ok(reader.total_available < writer.total_available);
      assert.equal(writer.tools.length, writer.total_available);
    },
  );

  const memoryTitle =
    "[tools.execute-unchanged] server-memory keeps its data, and a rule for all servers denies their deletion";
  await t.step(memoryTitle, async () => {
    const entities = [{ name: "gateway", entityType: "program", observations: ["works"] }];
    await gateway.callServerTool("memory", "create_entities", { entities }, asAgent("writer"));
    const text = JSON.stringify(
      await gateway.callServerTool("memory", "read_graph", {}, asAgent("writer")),
    );
    assert.match(text, /works/);
    const call = { server: "memory", tool: "delete_entities", args: { entityNames: ["gateway"] } };
    const { rule } = await gateway.expectRefusal("execute_tool", { ...asAgent("writer"), ...call });
    assert.equal(rule, 'agents.writer.deny.tools["*"][0]');
  });

  await t.step(
    "[tools.tokens-used-15-percent] tokens_used is within 15 % of o200k_base for all three servers",
    async () => {
      for (const server of ["everything", "files", "memory"]) {
        const call = { agent_id: "reader", server, detail: "full" };
        const answer = await gateway.callGatewayToolForJson<
          { tools: Fields[]; tokens_used: number }
        >(
          "get_server_tools",
          call,
        );
        const tokens = encode(JSON.stringify(answer.tools)).length;
        assert.ok(Math.abs(answer.tokens_used / tokens - 1) < 0.15, `${server}: ${tokens}`);
      }
    },
  );
});
