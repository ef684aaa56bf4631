import assert from "node:assert/strict";
import { MemoryGateway, plainTool } from "./memory_gateway.ts";

const RULES = { agents: { a: { allow: { servers: ["*"] } } } };

/** Tools by server, with names that collide unless they get a hash. */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  a: ["b", "b__c", "b_c", "_b", "b_", "b.c", "b c", "b/c", "b-c", "ü", "", "b_0a1b2c"],
  a_: ["b", "_b"],
  a__b: ["c"],
  "a.b": ["c"],
  "a b": ["c"],
  "a-b": ["c"],
  long: [..."xyz"].map((end) => "t".repeat(100) + end),
  [`${"s".repeat(60)}1`]: ["t", "u"],
  [`${"s".repeat(60)}2`]: ["t", "u"],
  日本: ["語", "誤"],
  list_servers: ["x"],
};

/** Returns the listed name of each tool, by `[server, tool]` as JSON. Checks that a call by the name reaches the tool. */
async function readNames(
  entries: readonly (readonly [server: string, tools: readonly string[]])[],
  maxNameLength = 64,
): Promise<Map<string, string>> {
  const servers = Object.fromEntries(
    entries.map(([server, tools]) => [server, { tools: tools.map(plainTool) }]),
  );
  await using gateway = await MemoryGateway.open({
    rules: RULES,
    servers,
    face: "direct",
    maxNameLength,
  });
  const client = gateway.connect("a");
  const pairs = entries.flatMap(([server, tools]) => {
    return tools.filter((tool) => tool !== "").map((tool) => JSON.stringify([server, tool]));
  });
  const names = await client.listNames();
  assert.equal(names.length, pairs.length);
  for (const [index, name] of names.entries()) {
    const { result } = await client.request("tools/call", { name, arguments: { text: "x" } });
    const [server, tool] = JSON.parse(pairs[index] ?? "");
    assert.equal(result.content[0].text, tool);
    const { server: calledServer } = gateway.readAudit().at(-1) ?? {};
    assert.equal(calledServer, server);
  }
  return new Map(pairs.map((pair, index) => [pair, names[index] ?? ""]));
}

Deno.test("[direct.name] listed names depend on nothing but server and tool, are valid, and never collide", async () => {
  const names = await readNames(Object.entries(TOOLS));
  assert.equal(new Set(names.values()).size, names.size);
  for (const [pair, name] of names) {
    assert.match(name, /^[A-Za-z0-9_-]{1,64}$/, pair);
    const [server, tool] = JSON.parse(pair) as [string, string];
    const plain = `${server}__${tool}`;
    const isPlain = /^[A-Za-z0-9_-]{1,64}$/.test(plain) && !server.includes("__") &&
      !tool.includes("__");
    // A name that could be read in two ways may have a hash, too.
    const isUnclear = server.endsWith("_") || tool.startsWith("_") || /_[0-9a-f]{6}$/.test(plain);
    if (!isPlain) {
      const kept = plain.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64 - 7);
      assert.match(name, /_[0-9a-f]{6}$/, pair);
      assert.equal(name.slice(0, -7), kept, pair);
    } else if (!isUnclear) assert.equal(name, plain);
  }

  const others = await readNames(Object.entries(TOOLS).reverse().slice(3));
  for (const [pair, name] of others) assert.equal(name, names.get(pair), pair);
});

Deno.test("[direct.name] listed names are not longer than the limit", async () => {
  const names = await readNames([["long", TOOLS.long ?? []], ["a", ["b"]]], 32);
  const shortNames = [...names.values()];
  assert.equal(new Set(shortNames).size, 4);
  for (const name of shortNames.slice(0, 3)) assert.match(name, /^long__t{19}_[0-9a-f]{6}$/);
  assert.equal(shortNames[3], "a__b");
});
