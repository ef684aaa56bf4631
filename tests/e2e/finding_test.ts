import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { OtlpReceiver } from "./otlp_receiver.ts";
import type { Fields } from "./raw_client.ts";
import { readSingleText } from "./agent_session.ts";

/** An answer of `get_server_tools` to a query. */
interface Answer {
  readonly tools: readonly (Fields & { readonly server: string; readonly name: string })[];
  readonly query: string;
  readonly total_available: number;
  readonly returned: number;
  readonly tokens_used: number;
  readonly detail: string;
  readonly omitted?: readonly string[];
  readonly hint?: string;
  readonly pending?: readonly string[];
  readonly unavailable?: readonly string[];
}

function pathOf(relativePath: string): string {
  return fileURLToPath(new URL(relativePath, import.meta.url));
}

/** Entry of `mcpServers` for a server that lists recorded tools of a public server. */
function listingServer(name: string): Fields {
  const flags = ["--quiet", "--no-prompt", "--no-config", "--no-lock", "--allow-read"];
  const program = pathOf("../fixtures/servers/listing_server.ts");
  const list = pathOf(`../fixtures/tool_lists/${name}.json`);
  return { command: Deno.execPath(), args: ["run", ...flags, program, list] };
}

const SERVERS = {
  github: listingServer("github"),
  filesystem: { ...listingServer("filesystem"), description: "Files of the project" },
  memory: listingServer("memory"),
};

const RULES = {
  agents: {
    all: { allow: { servers: ["*"] } },
    reader: {
      allow: {
        servers: ["github", "memory"],
        tools: { github: ["get_*", "list_*"], memory: ["read_graph"] },
      },
    },
    nobody: {},
  },
};

async function find(gateway: RunningGateway, query: string, args: Fields = {}): Promise<Answer> {
  return await gateway.callGatewayToolForJson<Answer>("get_server_tools", {
    agent_id: "all",
    query,
    ...args,
  });
}

function namesOf({ tools }: Answer): string[] {
  return tools.map(({ server, name }) => `${server}/${name}`);
}

Deno.test("get_server_tools finds tools by a query", async (t) => {
  await using gateway = await startGateway({ servers: SERVERS, rules: RULES });

  await t.step(
    "[finding.shape] the answer has the best tools of all servers, with signature and first sentence",
    async () => {
      const { tools, tokens_used, ...others } = await find(gateway, "open a bug report");
      const [best] = tools;
      assert.deepEqual(best, {
        server: "github",
        name: "create_issue",
        signature: "create_issue(owner: string, repo: string, title: string, body?, " +
          "assignees?, milestone?, labels?)",
        description: "Create a new issue in a GitHub repository",
      });
      assert.deepEqual(others, {
        query: "open a bug report",
        total_available: 49,
        returned: tools.length,
        detail: "signatures",
      });
      assert.ok(tools.length <= 8);
      assert.ok(Math.abs(tokens_used / encode(JSON.stringify(tools)).length - 1) < 0.2);
      for (const { description } of tools) assert.ok(String(description).length <= 160);
    },
  );

  await t.step("[finding.best] the best tools of several servers are found", async () => {
    for (
      const [query, tool] of [
        ["merge pull request", "github/merge_pull_request"],
        ["what is in this folder", "filesystem/list_directory"],
        ["forget a fact", "memory/delete_observations"],
        ["raed a text flie", "filesystem/read_text_file"],
      ] as const
    ) assert.ok(namesOf(await find(gateway, query)).slice(0, 3).includes(tool), query);
  });

  await t.step("[finding.arguments] server, names and pattern narrow the search", async () => {
    const query = "create something";
    const inMemory = await find(gateway, query, { server: "memory" });
    assert.equal(inMemory.total_available, 9);
    assert.ok(inMemory.tools.length > 0);
    for (const { server } of inMemory.tools) assert.equal(server, "memory");
    const named = await find(gateway, query, { names: "create_issue, create_branch,echo" });
    assert.deepEqual(namesOf(named).toSorted(), ["github/create_branch", "github/create_issue"]);
    assert.equal(named.total_available, 49);
    const matching = await find(gateway, query, { pattern: "create_?e*" });
    assert.deepEqual(namesOf(matching).toSorted(), [
      "github/create_repository",
      "memory/create_relations",
    ]);
    assert.deepEqual(namesOf(await find(gateway, query, { pattern: "x*" })), []);
  });

  await t.step("[finding.arguments] detail and max_schema_tokens work as ever", async () => {
    const query = "delete entities";
    const { tools, detail } = await find(gateway, query, { detail: "names" });
    assert.equal(detail, "names");
    assert.deepEqual(tools[0], { server: "memory", name: "delete_entities" });
    const full = await find(gateway, query, { detail: "full", server: "memory" });
    const { tools: [listed] } = await gateway.callGatewayToolForJson<{ tools: Fields[] }>(
      "get_server_tools",
      { agent_id: "all", server: "memory", names: "delete_entities" },
    );
    assert.deepEqual(full.tools[0], { ...listed, server: "memory" });
    const cut = await find(gateway, query, { max_schema_tokens: 60 });
    assert.equal(cut.returned, 1);
    assert.equal(cut.omitted?.length, tools.length - 1);
  });

  await t.step(
    "[finding.arguments] without a query and a server, the call is refused; an empty query is none",
    async () => {
      for (const args of [{}, { query: "" }, { query: " \n", names: "x" }, { query: null }]) {
        const refusal = await gateway.expectRefusal("get_server_tools", {
          agent_id: "all",
          ...args,
        });
        assert.equal(refusal.code, "INVALID_ARGUMENTS");
        assert.match(refusal.message, /"query".*"server"/);
      }
      const listed = await find(gateway, "", { server: "memory", detail: "names" });
      assert.equal(listed.tools.length, 9);
      const { code, message } = await gateway.expectRefusal("get_server_tools", {
        agent_id: "all",
        query: "x",
        limit: 3,
      });
      assert.deepEqual([code, /"limit" is not an argument/.test(message)], [
        "INVALID_ARGUMENTS",
        true,
      ]);
    },
  );

  await t.step("[finding.nothing] a hint names the agent's servers if nothing fits", async () => {
    const answer = await find(gateway, "quaternion");
    assert.deepEqual([answer.tools, answer.returned, answer.tokens_used], [[], 0, 0]);
    assert.match(answer.hint ?? "", /: github, filesystem, memory\.$/);
    const { hint, total_available } = await find(gateway, "issue", { agent_id: "nobody" });
    assert.deepEqual([hint, total_available], ["You may use no server.", 0]);
  });

  await t.step(
    "[finding.no-leak] tools that an agent may not call are neither found nor counted",
    async () => {
      for (const query of ["create an issue", "delete entities", "issue", "write file"]) {
        const { tools, total_available, hint = "" } = await find(gateway, query, {
          agent_id: "reader",
        });
        for (const { server, name } of tools) {
          assert.match(`${server}/${name}`, /^(github\/(get|list)_|memory\/read_graph$)/);
        }
        assert.equal(total_available, 11);
        assert.doesNotMatch(hint, /filesystem/);
      }
      const { code } = await gateway.expectRefusal("get_server_tools", {
        agent_id: "reader",
        query: "file",
        server: "filesystem",
      });
      assert.equal(code, "DENIED_BY_POLICY");
      const refusal = await gateway.expectRefusal("get_server_tools", {
        agent_id: "all",
        query: "file",
        server: "githup",
      });
      assert.match(refusal.hint ?? "", /Similar names: github/);
    },
  );

  await t.step("[finding.shape] a long query is cut", async () => {
    const { query, tools } = await find(gateway, `issue ${"word ".repeat(1000)}`);
    assert.equal(query.length, 513);
    assert.ok(tools.length > 0);
  });
});

Deno.test("a query does not wait for a server again that has not listed its tools, and names it", async (t) => {
  await using gateway = await startGateway({
    servers: {
      memory: SERVERS.memory,
      gone: { command: "no-such-program-here" },
      slow: misbehavingServer("--hold=tools/list"),
      secret: misbehavingServer("--hold=tools/list"),
    },
    rules: {
      agents: {
        all: { allow: { servers: ["*"] } },
        one: { allow: { servers: ["memory", "slow"] }, deny: { servers: ["secret", "gone"] } },
      },
    },
    args: ["--init-strategy", "lazy"],
  });

  await t.step(
    "[finding.pending] [finding.unavailable] the first query waits 3 s, and the next does not wait",
    async () => {
      const startMs = performance.now();
      const first = await find(gateway, "delete entities");
      const firstMs = performance.now() - startMs;
      assert.ok(firstMs >= 2900, `${firstMs} ms`);
      assert.equal(namesOf(first)[0], "memory/delete_entities");
      assert.deepEqual(first.pending, ["slow", "secret"]);
      assert.deepEqual(first.unavailable, ["gone"]);
      const next = await find(gateway, "delete entities");
      const nextMs = performance.now() - startMs - firstMs;
      assert.ok(nextMs < 2500, `${nextMs} ms`);
      assert.deepEqual([next.pending, next.unavailable], [["slow", "secret"], ["gone"]]);
      const named = await find(gateway, "echo", { server: "slow" });
      assert.deepEqual([named.tools, named.pending], [[], ["slow"]]);
      for (const { hint = "" } of [named, await find(gateway, "quaternion")]) {
        assert.match(hint, /Call again in a few seconds/);
        assert.doesNotMatch(hint, /other words/);
      }
    },
  );

  await t.step("[finding.no-leak] only servers that the agent may use are named", async () => {
    const { pending, unavailable } = await find(gateway, "entities", { agent_id: "one" });
    assert.deepEqual([pending, unavailable], [["slow"], undefined]);
  });

  await t.step("[finding.unavailable] a named server that fails is an error", async () => {
    const { code } = await gateway.expectRefusal("get_server_tools", {
      agent_id: "all",
      query: "x",
      server: "gone",
    });
    assert.equal(code, "SERVER_UNAVAILABLE");
  });
});

Deno.test("[finding.no-record] the text of a query is in no record", async () => {
  const marker = "platypus";
  await using receiver = new OtlpReceiver();
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: RULES,
    args: ["--log-level", "debug"],
    env: { ...receiver.env, GATEWAY_AUDIT_ARGS: "redacted" },
  });
  for (const args of [{}, { server: "memory" }, { server: "denied" }, { agent_id: "nobody" }]) {
    const params = {
      name: "get_server_tools",
      arguments: { agent_id: "all", query: `${marker} issue`, ...args },
    };
    const { result } = await gateway.client.request("tools/call", params);
    if (result?.isError !== true) assert.ok(readSingleText(result).includes(marker));
  }
  const lines = gateway.readAuditLog();
  assert.ok(lines.some(({ operation }) => operation === "get_server_tools"));
  assert.equal(JSON.stringify(lines).includes(marker), false);
  await gateway.end();
  assert.equal(gateway.program.stderr.includes(marker), false);
  assert.ok(receiver.receivedText !== "");
  assert.equal(receiver.receivedText.includes(marker), false);
});
