import assert from "node:assert/strict";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { DirectConnection } from "./direct_connection.ts";
import {
  type Fields,
  offeringServer,
  readRefusal,
  type RunningGateway,
  startGateway,
  type TransportKind,
} from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** A definition with every field of the protocol, unknown fields, and numbers and keys that parsing would change. */
const ODD_TOOL = [
  '{"title":"A","name" : "odd tool/ü","inputSchema":{"type":"object","properties":{"n":{"default":1.10}}},',
  '"outputSchema":{"type":"object"},"annotations":{"readOnlyHint":true,"title":"\\u0041"},',
  '"icons":[{"src":"data:image/png;base64,iVBORw0KGgo="}],"execution":{"taskSupport":"optional"},',
  '"_meta":{"vendor/x":12345678901234567890,"name":"inner"},"vendorField":{"name":[-0],"__proto__":1}}',
].join("");

const PLAIN_TOOLS = ["echo", "fail", "crash", "hang", "with__two", "secret"].map((name) => {
  const inputSchema = { type: "object", properties: { text: { type: "string" } } };
  return JSON.stringify({ name, inputSchema });
});

const STRICT_TOOL = JSON.stringify({
  name: "strict",
  inputSchema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
});

const TOOLS = `[${[...PLAIN_TOOLS, STRICT_TOOL, ODD_TOOL].map((text) => JSON.stringify(text))}]`;

const SERVERS = {
  one: offeringServer("--name=one", `--tools=${TOOLS}`),
  "two.dot": offeringServer("--name=two"),
  hidden: offeringServer("--name=hidden"),
};

const RULES = {
  agents: {
    tester: {
      allow: { servers: ["one", "two.dot", "missing", "onn"] },
      deny: { tools: { one: ["secret", "with__*"], "two.dot": ["pid"] } },
    },
  },
};

const DIRECT = ["--agent", "tester", "--face", "direct"];

/** The answer to a page of `tools/list`. */
interface ToolPage {
  readonly tools: readonly (Fields & { readonly name: string })[];
  readonly nextCursor?: string;
}

async function listTools(
  { client }: RunningGateway,
  params: Fields = {},
): Promise<ToolPage & { readonly text: string }> {
  const { message, text } = await client.requestText("tools/list", JSON.stringify(params));
  assert.equal(message.error, undefined);
  return { ...(message.result as unknown as ToolPage), text };
}

async function namesOf(gateway: RunningGateway): Promise<string[]> {
  return (await listTools(gateway)).tools.map(({ name }) => name);
}

/** Finds the only name that begins with a text. */
async function nameLike(gateway: RunningGateway, start: string): Promise<string> {
  const [name = assert.fail(), ...others] = (await namesOf(gateway))
    .filter((listed) => listed.startsWith(start));
  assert.deepEqual(others, []);
  return name;
}

for (const transport of ["stdio", "http"] satisfies TransportKind[]) {
  Deno.test(`the direct face over ${transport}`, async (t) => {
    await using gateway = await startGateway({
      servers: SERVERS,
      rules: RULES,
      args: DIRECT,
      transport,
      initialize: false,
    });
    const { client } = gateway;
    const { result } = await client.initialize();

    await t.step("[direct.changes] the client learns that the list of tools may change", () => {
      assert.deepEqual((result?.capabilities as Fields).tools, { listChanged: true });
    });

    await t.step("[direct.instructions] the instructions name no tool that is not shown", () => {
      const instructions = String(result?.instructions);
      assert.match(instructions, /^MCP servers behind this gateway: one, two\.dot\./);
      assert.doesNotMatch(instructions, /list_servers|get_server_tools|execute_tool|agent_id/);
    });

    await t.step(
      "[direct.list] all tools that the agent may call are listed, and no others",
      async () => {
        const names = await namesOf(gateway);
        const ofOne = ["echo", "fail", "crash", "hang", "strict"].map((name) => `one__${name}`);
        assert.deepEqual(names.slice(0, ofOne.length), ofOne);
        assert.match(names[ofOne.length] ?? "", /^one__odd_tool___[0-9a-f]{6}$/);
        const ofTwo = names.slice(ofOne.length + 1);
        assert.ok(ofTwo.every((name) => /^two_dot__\w+_[0-9a-f]{6}$/.test(name)), ofTwo.join());
        assert.equal(ofTwo.length, 9);
      },
    );

    await t.step(
      "[direct.definition] only the name of a definition differs from the server's",
      async () => {
        const { text } = await listTools(gateway);
        const name = await nameLike(gateway, "one__odd_tool");
        const expected = ODD_TOOL.replace('"odd tool/ü"', JSON.stringify(name));
        assert.ok(text.includes(expected), text);
      },
    );

    await t.step(
      "[direct.call] a call reaches the tool with the arguments as they are",
      async () => {
        const args = { text: "x", agent_id: "somebody", server: 1, nested: { a: [null] } };
        for (const start of ["one__echo", "one__odd_tool", "two_dot__echo"]) {
          const { content } = await gateway.callGatewayTool(await nameLike(gateway, start), args);
          const [{ text = "" } = {}] = content as { text: string }[];
          assert.deepEqual(JSON.parse(text).params.arguments, args);
        }
      },
    );

    await t.step("[direct.call] arguments may be absent, null, or a string of JSON", async () => {
      for (const [args, received] of [[undefined, {}], [null, {}], ['{"a":1}', { a: 1 }]]) {
        const params = { name: "one__echo", ...(args === undefined ? {} : { arguments: args }) };
        const { result } = await client.request("tools/call", params);
        const [{ text = "" } = {}] = result?.content as { text: string }[];
        assert.deepEqual(JSON.parse(text).params.arguments, received);
      }
      for (const args of [[], 7, "x", '{"a":1,"a":2}']) {
        const { result } = await client.request("tools/call", {
          name: "one__echo",
          arguments: args,
        });
        const { code, message } = readRefusal(result);
        assert.equal(code, "INVALID_ARGUMENTS");
        assert.match(message, /^one__echo: "arguments" /);
      }
    });

    await t.step("[direct.errors] a denied tool answers as execute_tool does", async () => {
      const error = await gateway.expectRefusal("one__secret");
      assert.deepEqual(error, {
        code: "DENIED_BY_POLICY",
        retryable: false,
        message: 'Agent "tester" may not use tool "secret" of server "one".',
        rule: "agents.tester.deny.tools.one[0]",
        hint: "Use another tool, or tell the user that the gateway's rules do not allow this",
      });
    });

    await t.step("[direct.errors] nobody learns which other servers exist", async () => {
      const [hidden, absent] = [
        await gateway.expectRefusal("hidden__echo"),
        await gateway.expectRefusal("absent__echo"),
      ];
      assert.equal(hidden.code, "DENIED_BY_POLICY");
      assert.deepEqual(
        JSON.stringify(absent),
        JSON.stringify(hidden).replaceAll("hidden", "absent"),
      );
    });

    await t.step("[direct.errors] an unknown name is a JSON-RPC error", async () => {
      const unknownNames = [
        ...["list_servers", "get_server_tools", "execute_tool", "get_gateway_status"],
        ...["one__nothing", "missing__echo", "one__echo_abcdef", "two.dot__echo", "one", "", "__"],
      ];
      for (const name of unknownNames) {
        const { error } = await client.request("tools/call", { name, arguments: {} });
        assert.equal(error?.code, -32602, name);
        assert.equal((error?.data as Fields).code, "TOOL_NOT_FOUND", name);
      }
      assert.equal((await client.request("tools/call", { name: 7 })).error?.code, -32602);
    });

    await t.step(
      "[errors.near-servers] a misspelt server of a tool has similar names",
      async () => {
        const similar = "Similar names among the servers you may use: one";
        const hintOf = async (name: string): Promise<unknown> => {
          const { error } = await client.request("tools/call", { name, arguments: {} });
          return (error?.data as Fields).hint;
        };
        assert.equal(await hintOf("onn__echo"), similar);
        assert.equal(await hintOf("missing__echo"), undefined);
        const { hint = "" } = await gateway.expectRefusal("oen__echo");
        assert.ok(hint.startsWith(similar), hint);
        assert.doesNotMatch((await gateway.expectRefusal("hiden__echo")).hint ?? "", /Similar/);
      },
    );

    await t.step("[direct.errors] missing arguments are named, with the schema", async () => {
      const { inputSchema, ...error }: Fields = { ...await gateway.expectRefusal("one__strict") };
      assert.deepEqual(error, {
        code: "INVALID_ARGUMENTS",
        retryable: false,
        message:
          '"arguments" for tool "strict" of server "one" has no "n" (integer), which the tool requires. The tool was not called. Add what is missing and call again.',
        hint: 'In the arguments, "n" is missing',
      });
      assert.deepEqual((inputSchema as Fields).required, ["n"]);
    });

    await t.step("[direct.errors] a JSON-RPC error of the server is a result", async () => {
      const result = await gateway.callGatewayTool("one__fail", {});
      assert.equal(result.isError, true);
      const [{ text = "" } = {}] = result.content as { text: string }[];
      assert.equal(
        text,
        '{"error":{"code":-32099,"message":"one failed","data":{"from":"server","big":12345678901234567890}}}',
      );
    });

    await t.step("[direct.errors] a crash affects only its callers", async () => {
      assert.equal((await gateway.expectRefusal("one__crash")).code, "SERVER_UNAVAILABLE");
      assert.equal((await gateway.callGatewayTool("one__echo", {})).isError, undefined);
    });

    await t.step("[direct.cursor] a foreign cursor is a JSON-RPC error", async () => {
      for (const cursor of ["x", "", 7, "WzEsInByb21wdHMiLCJvbmUiLDAsImVjaG8iLDBd"]) {
        const { error } = await client.request("tools/list", { cursor });
        assert.equal(error?.code, -32602, String(cursor));
      }
    });

    await t.step(
      "[direct.audit] calls are recorded as direct, with server, tool and rule",
      async () => {
        const lines = await waitUntil("the calls are recorded", () => {
          const direct = gateway.readAuditLog().filter(({ operation }) => operation === "direct");
          return direct.length > 0 ? direct : undefined;
        });
        const call = lines.find(({ tool }) => tool === "odd tool/ü") ?? {};
        assert.deepEqual(
          [call.server, call.agent_id, call.decision, call.rule],
          ["one", "tester", "ALLOW", "agents.tester.allow.servers[0]"],
        );
        // A call that may change something is on record before it leaves.
        const phasesOf = (name: string) =>
          new Set(lines.filter(({ tool }) => tool === name).map(({ phase }) => phase));
        assert.deepEqual(phasesOf("odd tool/ü"), new Set([undefined]));
        assert.ok(phasesOf("echo").has("ended"));
      },
    );
  });
}

Deno.test("[direct.agent] a connection without an agent sees no tools, which the log says once", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: RULES,
    args: ["--face", "direct"],
  });
  assert.deepEqual(await namesOf(gateway), []);
  assert.deepEqual(await namesOf(gateway), []);
  const { code, message, hint } = await gateway.expectRefusal("one__echo");
  assert.equal(code, "INVALID_AGENT_ID");
  assert.match(`${message} ${hint}`, /^This connection has no agent\b.* with --agent\b/);
  const { stderr } = gateway.program;
  assert.equal(stderr.split("its connection has no agent").length, 2, stderr);
});

Deno.test("[direct.agent] a connection without an agent of its own sees the tools of the default agent", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: {
      agents: { default: { allow: { tools: { one: ["echo"] }, servers: ["one"] } } },
      defaults: { deny_on_missing_agent: false },
    },
    args: ["--face", "direct"],
  });
  assert.deepEqual(await namesOf(gateway), ["one__echo"]);
});

Deno.test("[direct.name-limit] GATEWAY_NAME_LIMIT limits names", async () => {
  await using gateway = await startGateway({
    servers: { "a-server-with-a-long-name": SERVERS.one },
    args: DIRECT,
    env: { GATEWAY_NAME_LIMIT: "32" },
  });
  const names = await namesOf(gateway);
  assert.equal(new Set(names).size, 8);
  assert.ok(names.every((name) => name.length <= 32), names.join());
  const name = await nameLike(gateway, "a-server-with-a-long-name__e");
  const result = await gateway.callGatewayTool(name, {});
  assert.equal(result.isError, undefined);
});

Deno.test("[direct.changes] a reload that changes the tools is announced, and takes effect", async () => {
  await using gateway = await startGateway({ servers: SERVERS, rules: RULES, args: DIRECT });
  assert.ok((await namesOf(gateway)).includes("one__echo"));
  const isAnnounced = () =>
    gateway.client.waitForMessage(
      "the announcement of other tools",
      ({ method }) => method === "notifications/tools/list_changed",
    );
  let announced = isAnnounced();
  gateway.setup.writeFile(".mcp-gateway-rules.json", {
    agents: { tester: { allow: { tools: { one: ["fail"] }, servers: ["one"] } } },
  });
  await announced;
  assert.deepEqual(await namesOf(gateway), ["one__fail"]);
  announced = isAnnounced();
  gateway.setup.writeFile(".mcp.json", { mcpServers: { "two.dot": SERVERS["two.dot"] } });
  await announced;
  assert.deepEqual(await namesOf(gateway), []);
});

Deno.test("[direct.definition] [direct.call] tools of server-everything are shown and called as they are", async () => {
  await ensureServers();
  const everything = { command: "node", args: [serverEntry("everything")] };
  await using gateway = await startGateway({ servers: { everything }, args: DIRECT });
  await using server = await DirectConnection.start(everything);
  const listed = await server.listTools();
  const { tools } = await listTools(gateway);
  assert.deepEqual(
    tools,
    listed.map((tool) => ({ ...tool, name: `everything__${(tool as Fields).name}` })),
  );
  const calls: readonly (readonly [tool: string, args: Fields])[] = [
    ["echo", { message: "é😀" }],
    ["get-sum", { a: 1, b: 2.5 }],
    ["get-tiny-image", {}],
    ["get-structured-content", { location: "New York" }],
    ["get-resource-links", { count: 3 }],
  ];
  for (const [tool, args] of calls) {
    const { result } = JSON.parse(await server.callTool(tool, args));
    assert.deepEqual(await gateway.callGatewayTool(`everything__${tool}`, args), result, tool);
  }
});
