import assert from "node:assert/strict";
import { offeredName } from "../../../src/gateway/offered/names.ts";
import { type MemoryClient, MemoryGateway, plainTool } from "./memory_gateway.ts";

const RULES = { agents: { a: { allow: { servers: ["*"] } }, b: { allow: { servers: ["two"] } } } };
const CHANGED = "notifications/tools/list_changed";

const toolNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `tool_${index}`);

Deno.test("[direct.cursor] a list of more than 500 tools has pages, in the order of the servers file", async () => {
  const servers = {
    one: { tools: toolNames(700).map(plainTool) },
    two: { tools: toolNames(350).map(plainTool) },
  };
  await using gateway = await MemoryGateway.open({ rules: RULES, servers, directTools: ["*"] });
  const client = gateway.connect("a");
  const sizes: number[] = [];
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const params: Readonly<Record<string, string>> = cursor === undefined ? {} : { cursor };
    const { result } = await client.request("tools/list", params);
    sizes.push(result.tools.length);
    names.push(...result.tools.map(({ name }: { name: string }) => name));
    cursor = result.nextCursor;
  } while (cursor !== undefined);
  // The gateway's own tools are on the first page.
  assert.deepEqual(sizes, [503, 500, 50]);
  assert.deepEqual(names.slice(3), [
    ...toolNames(700).map((name) => `one__${name}`),
    ...toolNames(350).map((name) => `two__${name}`),
  ]);
});

Deno.test("[direct.cursor] a page goes on after the tool at the end of the page before, whatever has changed", async () => {
  const one = { tools: toolNames(600).map(plainTool) };
  await using gateway = await MemoryGateway.open({
    rules: RULES,
    servers: { one },
    face: "direct",
  });
  const client = gateway.connect("a");
  const { result: first } = await client.request("tools/list");
  const { nextCursor: cursor } = first;
  one.tools = [plainTool("new"), ...one.tools.slice(10)];
  gateway.announceChange("one");
  await client.nextNotification();
  const { result: second } = await client.request("tools/list", { cursor });
  assert.equal(second.tools[0].name, "one__tool_500");
  assert.equal(second.tools.length, 100);
});

Deno.test("[direct.cursor] a foreign cursor is refused, also by a gateway without direct tools", async () => {
  const servers = { one: { tools: toolNames(600).map(plainTool) } };
  await using paged = await MemoryGateway.open({ rules: RULES, servers, face: "direct" });
  const { result: { nextCursor } } = await paged.connect("a").request("tools/list");
  await using gateway = await MemoryGateway.open({ rules: RULES, servers });
  for (
    const client of [gateway.connect("a"), gateway.connect(undefined), paged.connect(undefined)]
  ) {
    const { error } = await client.request("tools/list", { cursor: "foreign" });
    assert.equal(error?.code, -32602);
    // A reload may have removed the direct tools from the list.
    const { result } = await client.request("tools/list", { cursor: nextCursor });
    assert.deepEqual(result.tools, []);
  }
});

Deno.test("[direct.wait] a list waits 2 s for a server that is not known yet, whose part follows", async () => {
  const { promise: canList, resolve: letList } = Promise.withResolvers<void>();
  const servers = {
    one: { tools: [plainTool("slow")], canList },
    two: { tools: [plainTool("fast")] },
  };
  await using gateway = await MemoryGateway.open({ rules: RULES, servers, face: "direct" });
  const client = gateway.connect("a");
  const startedAt = performance.now();
  assert.deepEqual(await client.listNames(), ["two__fast"]);
  const waitedMs = performance.now() - startedAt;
  assert.ok(waitedMs > 1900 && waitedMs < 4000, `${waitedMs} ms`);
  // The time counts from the first request.
  assert.deepEqual(await client.listNames(), ["two__fast"]);
  assert.ok(performance.now() - startedAt - waitedMs < 1000);
  letList();
  await client.nextNotification();
  assert.deepEqual(client.notifications, [CHANGED]);
  assert.deepEqual(await client.listNames(), ["one__slow", "two__fast"]);
});

Deno.test("[direct.wait] a server that fails is left out, and the log says why", async () => {
  const servers = {
    one: { tools: [], isBroken: true },
    two: { tools: [plainTool("fast")] },
  };
  await using gateway = await MemoryGateway.open({ rules: RULES, servers, face: "direct" });
  assert.deepEqual(await gateway.connect("a").listNames(), ["two__fast"]);
  const warnings = gateway.log.fields.filter((fields) => fields["server"] === "one");
  assert.ok(
    warnings.some(({ reason }) => String(reason).includes("It does not start")),
    JSON.stringify(gateway.log.fields),
  );
});

Deno.test("[direct.changes] clients that asked for the list and may use the server are notified, once", async () => {
  const one = { tools: [plainTool("old")] };
  const two = { tools: [plainTool("other")] };
  await using gateway = await MemoryGateway.open({
    rules: RULES,
    servers: { one, two },
    face: "direct",
  });
  const [asking, silent, other] = ["a", "a", "b"].map((agent) => gateway.connect(agent)) as [
    MemoryClient,
    MemoryClient,
    MemoryClient,
  ];
  assert.deepEqual(await asking.listNames(), ["one__old", "two__other"]);
  assert.deepEqual(await other.listNames(), ["two__other"]);
  await silent.request("ping");
  one.tools = [plainTool("new")];
  for (let count = 0; count < 5; count++) gateway.announceChange("one");
  await asking.nextNotification();
  assert.deepEqual(await asking.listNames(), ["one__new", "two__other"]);
  gateway.announceChange("two");
  await Promise.all([asking.nextNotification(), other.nextNotification()]);
  assert.deepEqual(asking.notifications, [CHANGED, CHANGED]);
  assert.deepEqual(other.notifications, [CHANGED]);
  assert.deepEqual(silent.notifications, []);
});

Deno.test("[direct.changes] without direct tools, clients are not notified of tools", async () => {
  const one = { tools: [plainTool("old")] };
  await using gateway = await MemoryGateway.open({ rules: RULES, servers: { one } });
  const client = gateway.connect("a");
  const { result } = await client.request("initialize", { protocolVersion: "2025-11-25" });
  assert.deepEqual(result.capabilities.tools, {});
  assert.equal((await client.listNames()).length, 3);
  const args = { name: "execute_tool", arguments: { server: "one", tool: "old" } };
  await client.request("tools/call", args);
  await using direct = await MemoryGateway.open({
    rules: RULES,
    servers: { one },
    face: "direct",
  });
  const directClient = direct.connect("a");
  await directClient.listNames();
  gateway.announceChange("one");
  direct.announceChange("one");
  await directClient.nextNotification();
  assert.deepEqual(client.notifications, []);
});

/** Finds two names of tools that have the same hash on a server. */
function findMeetingNames(server: string): [string, string] {
  const found = new Map<string, string>();
  for (let number = 0;; number++) {
    // The characters that are not allowed all become "_", so that only the hashes differ.
    const name = `t${
      [...number.toString(2).padStart(16, "0")].map((bit) => bit === "0" ? "." : " ").join("")
    }`;
    const offered = offeredName({ server, name }, 64);
    const other = found.get(offered);
    if (other !== undefined) return [other, name];
    found.set(offered, name);
  }
}

Deno.test("[direct.name] of two tools of a hostile server that meet, only the first is listed and called", async () => {
  const [first, second] = findMeetingNames("one");
  const servers = { one: { tools: [plainTool(first), plainTool(second), plainTool("x")] } };
  await using gateway = await MemoryGateway.open({ rules: RULES, servers, face: "direct" });
  const client = gateway.connect("a");
  const names = await client.listNames();
  assert.deepEqual(names, [offeredName({ server: "one", name: first }, 64), "one__x"]);
  const { result } = await client.request("tools/call", { name: names[0] });
  assert.equal(result.content[0].text, first);
});

Deno.test("[direct.name] a tool whose server chose a name that meets one of another server is neither listed nor called", async () => {
  const hostile = "b\u00f5_t\u5acct";
  const name = offeredName({ server: "a__b", name: "t_t" }, 64);
  assert.equal(offeredName({ server: "a", name: hostile }, 64), name);
  const servers = {
    a: { tools: [plainTool(hostile), plainTool("x")] },
    a__b: { tools: [plainTool("t_t")] },
  };
  const rules = {
    agents: {
      both: { allow: { servers: ["*"] } },
      one: { allow: { servers: ["*"] }, deny: { tools: { a: ["b*"] } } },
    },
  };
  await using gateway = await MemoryGateway.open({ rules, servers, face: "direct" });
  const client = gateway.connect("both");
  assert.deepEqual(await client.listNames(), ["a__x"]);
  const { error } = await client.request("tools/call", { name });
  assert.equal(error?.code, -32602);
  const other = gateway.connect("one");
  assert.deepEqual(await other.listNames(), ["a__x", name]);
  const { result } = await other.request("tools/call", { name });
  assert.equal(result.content[0].text, "t_t");
});

Deno.test("[direct.definition] hostile definitions change only themselves", async () => {
  const definitions: readonly (readonly [text: string, listed: string])[] = [
    ['{"name":"a"}', '{"name":"one__a"}'],
    [
      '{ "inputSchema" : {"name":"a"} , "name":\n"b"\n}',
      '{ "inputSchema" : {"name":"a"} , "name": "one__b" }',
    ],
    ['{"na\\u006de":"c","x":1}', '{"na\\u006de":"one__c","x":1}'],
    ['{"name":"d\\"]}]}","x":"\\\\"}', '{"name":"NAME","x":"\\\\"}'],
    ['{"title":"\\"name\\":\\"z\\"","name":"e"}', '{"title":"\\"name\\":\\"z\\"","name":"one__e"}'],
    [
      '{"__proto__":{"name":"p"},"name":"f","constructor":null}',
      '{"__proto__":{"name":"p"},"name":"one__f","constructor":null}',
    ],
    ['{"name":"g","n":12345678901234567890.10}', '{"name":"one__g","n":12345678901234567890.10}'],
  ];
  const servers = { one: { tools: definitions.map(([text]) => text) } };
  await using gateway = await MemoryGateway.open({ rules: RULES, servers, face: "direct" });
  const { text } = await gateway.connect("a").request("tools/list");
  const expected = definitions.map(([text, listed]) =>
    listed.replace("NAME", () => offeredName({ server: "one", name: JSON.parse(text).name }, 64))
  );
  assert.equal(text, `{"tools":[${expected.join(",")}]}`);
});

Deno.test("[direct.decisions] calls by direct names count towards the limits of the agent", async () => {
  await using gateway = await MemoryGateway.open({
    rules: { agents: { a: { allow: { servers: ["*"] }, limits: { per_minute: 2 } } } },
    servers: { one: { tools: [plainTool("x")] } },
    directTools: ["*"],
  });
  const client = gateway.connect("a");
  const codeOf = async (params: Readonly<Record<string, unknown>>) => {
    const { result } = await client.request("tools/call", params);
    return result.isError === true ? JSON.parse(result.content[0].text).error.code : "none";
  };
  const byTool = { name: "execute_tool", arguments: { server: "one", tool: "x" } };
  assert.equal(await codeOf(byTool), "none");
  assert.equal(await codeOf({ name: "one__x" }), "none");
  assert.equal(await codeOf({ name: "one__x" }), "RATE_LIMITED");
  assert.equal(await codeOf(byTool), "RATE_LIMITED");
});

Deno.test("[audit.fields] a call whose tool is not a string is refused, and on record", async () => {
  await using gateway = await MemoryGateway.open({ rules: RULES, servers: {} });
  const client = gateway.connect("a");
  for (const name of [{ toString: 1 }, [[[]]], null]) {
    const { error } = await client.request("tools/call", { name });
    assert.equal(error?.code, -32602);
  }
  const tools = gateway.readAudit().map(({ tool, code }) => [tool, code]);
  assert.deepEqual(tools, Array(3).fill(["(not a string)", "TOOL_NOT_FOUND"]));
});

Deno.test("[direct.agent] a client without an agent that calls a tool it has not listed is logged", async () => {
  await using gateway = await MemoryGateway.open({
    rules: RULES,
    servers: { one: { tools: [plainTool("echo")] } },
    face: "direct",
  });
  await gateway.connect(undefined).request("tools/call", { name: "one__echo" });
  assert.match(gateway.log.messages.join("\n"), /^warn .*its connection has no agent\b/m);
});
