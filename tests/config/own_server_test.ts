import assert from "node:assert/strict";
import type { Configuration, Limits, ServerConfig } from "../../src/config/mod.ts";
import { listLimitedServers, usesOwnServer } from "../../src/config/mod.ts";
import { OWN_TOOLS } from "../../src/gateway/own_server/tools.ts";
import { namesOwnServer, OWN_TOOL_NAMES } from "../../src/own_server.ts";
import { compilePattern } from "../../src/wildcards/mod.ts";
import { checkFiles } from "./check_files.ts";

const SERVERS = { files: { command: "files" }, git: { command: "git" } };

/** Checks the two files, which must be valid. */
async function load(
  agents: unknown,
  { servers = SERVERS, defaults = {} }: { servers?: unknown; defaults?: unknown } = {},
): Promise<Configuration> {
  const { configuration, errors } = await checkFiles(
    JSON.stringify({ mcpServers: servers }),
    JSON.stringify({ agents, defaults }),
  );
  assert.deepEqual(errors, []);
  assert.ok(configuration !== undefined);
  return configuration;
}

Deno.test("[own.use] rules that name the own server, and limits on results, use it; nothing else does", async () => {
  const plain = { a: { allow: { servers: ["*", "g*", "gate*way"] }, limits: { concurrent: 1 } } };
  assert.equal(usesOwnServer(await load(plain)), false);
  assert.equal(usesOwnServer(await load({ a: { deny: { servers: ["gateway"] } } })), false);
  assert.equal(usesOwnServer(await load({ a: { allow: { tools: { gateway: ["*"] } } } })), false);
  for (const name of ["gateway", "gateway*", "*gateway"]) {
    const rules = { ...plain, b: { allow: { servers: ["files", name] } } };
    assert.equal(usesOwnServer(await load(rules)), true, name);
  }
  const limits = { max_result_tokens: 200 };
  assert.equal(usesOwnServer(await load({ ...plain, b: { limits } })), true);
  assert.equal(usesOwnServer(await load(plain, { defaults: { limits } })), true);
  const servers = { ...SERVERS, docs: { command: "docs", gateway: limits } };
  assert.equal(usesOwnServer(await load(plain, { servers })), true);
  const disabled = { ...SERVERS, docs: { command: "docs", gateway: limits, disabled: true } };
  assert.equal(usesOwnServer(await load(plain, { servers: disabled })), false);
});

Deno.test("[own.limits] a limit of results belongs to servers, agents and defaults", async () => {
  const limits: Limits = { maxResultTokens: 300 };
  const configuration = await load({ a: { limits: { max_result_tokens: 300 } } }, {
    servers: { ...SERVERS, docs: { command: "docs", gateway: { max_result_tokens: 5000 } } },
    defaults: { limits: { max_result_tokens: 300, concurrent: 2 } },
  });
  const limitOf = (name: string) =>
    (configuration.servers.get(name) as ServerConfig).options.maxResultTokens;
  assert.deepEqual(configuration.rules.agents.get("a")?.limits, limits);
  assert.deepEqual(configuration.rules.limits, { concurrent: 2, ...limits });
  assert.equal(limitOf("docs"), 5000);
  assert.equal(limitOf("files"), undefined);
  assert.deepEqual(listLimitedServers(configuration), ["docs"]);
});

Deno.test("[own.limits] a limit of results that leaves no room for a hint is an error in both files", async () => {
  for (const wrong of [199, 0, -1, 200.5, "200", 2 ** 31]) {
    const limits = { max_result_tokens: wrong };
    const { errors } = await checkFiles(
      JSON.stringify({ mcpServers: { files: { command: "files", gateway: limits } } }),
      JSON.stringify({ agents: { a: { limits } }, defaults: { limits } }),
    );
    const paths = errors.map(({ path, message }) => `${path}: ${message.slice(0, 53)}`);
    const expected = "expected a whole number from 200 to 2147483647, found";
    assert.deepEqual(paths, [
      `mcpServers.files.gateway.max_result_tokens: ${expected}`,
      `agents.a.limits.max_result_tokens: ${expected}`,
      `defaults.limits.max_result_tokens: ${expected}`,
    ]);
  }
});

Deno.test("[own.named-only] the patterns that name the own server match it and hold its name as a whole", () => {
  const parts = ["", "*", "**", "?", "g", "gate", "way", "gateway", "a"];
  for (
    const pattern of parts.flatMap((one) =>
      parts.flatMap((two) => parts.map((three) => one + two + three))
    )
  ) {
    const expected = compilePattern(pattern).matches("gateway") && pattern.includes("gateway");
    assert.equal(namesOwnServer(pattern), expected, pattern);
  }
});

Deno.test("[own.rules] a name that no tool of the own server has is a warning", async () => {
  assert.deepEqual([...OWN_TOOLS.keys()].sort(), [...OWN_TOOL_NAMES].sort());
  const warn = async (...tools: readonly unknown[]): Promise<readonly string[]> => {
    const agent = {
      allow: { servers: ["gateway"] },
      ...{ ask: { tools: { gateway: tools } }, deny: { tools: { "*": ["run_cod"] } } },
    };
    const { errors, warnings } = await checkFiles(
      JSON.stringify({ mcpServers: SERVERS }),
      JSON.stringify({ agents: { a: agent } }),
    );
    assert.deepEqual(errors, []);
    return warnings.map(({ message }) => message);
  };
  assert.deepEqual(await warn("run_code", "read_*", "*", { tool: "approval_status" }), []);
  const [name = "", pattern = "", ...others] = await warn("run_cod", "delete_*", "run_code");
  assert.match(name, /server "gateway" has no tool "run_cod".*run_code/);
  assert.match(pattern, /server "gateway" has no tool "delete_\*"/);
  assert.deepEqual(others, []);
});
