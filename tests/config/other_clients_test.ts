import assert from "node:assert/strict";
import { findNameFault, foldName, quoteName } from "../../src/config/name_faults.ts";
import { checkFiles } from "./check_files.ts";
import { cpuMs } from "../cpu_time.ts";

Deno.test("[servers.switched-off] a server that another client has disabled is skipped", async () => {
  const command = "x";
  const { configuration, warnings } = await checkFiles({
    mcpServers: {
      off: { command, enabled: false },
      inactive: { command, isActive: false },
      both: { command, disabled: false, active: false },
      on: { command, enabled: true, isActive: true },
      other: { command, enabled: "false" },
    },
  });
  assert.deepEqual([...configuration?.servers.keys() ?? []], ["on", "other"]);
  assert.deepEqual(warnings.map(({ path }) => path), [
    "mcpServers.off.enabled",
    "mcpServers.inactive.isActive",
    "mcpServers.both.active",
  ]);
});

Deno.test("[config.other-clients] warnings about the syntax of other clients quote no value", async () => {
  const secrets = ["$HUNTER2", "%HUNTER2%", "{env:hunter2}", "op://hunter2/x", "Bearer $HUNTER2"];
  for (const secret of secrets) {
    const { warnings } = await checkFiles({
      mcpServers: {
        a: { command: "x", args: [secret], env: { A: secret }, bearer_token_env_var: secret },
        b: { url: "https://example.com/mcp", headers: { A: secret }, envFile: secret },
      },
    });
    assert.ok(warnings.length >= 4, secret);
    for (const { message } of warnings) assert.doesNotMatch(message, /hunter2/i);
  }
});

Deno.test("[config.other-clients] a key of another client in place of mcpServers is one error, at the key", async () => {
  const servers = { pg: { command: "npx" } };
  for (
    const key of ["servers", "context_servers", "mcpservers", "MCPSERVERS", "mcpServer", "mcp"]
  ) {
    const { errors } = await checkFiles({ theme: "dark", [key]: servers });
    assert.equal(errors.length, 1, key);
    assert.deepEqual([errors[0]?.line, errors[0]?.column], [1, 17], key);
    assert.match(errors[0]?.message ?? "", /to "mcpServers"$/);
  }
  for (const entry of [{ command: "npx" }, { url: "x" }, { serverUrl: "x" }, { cmd: "npx" }]) {
    const { errors } = await checkFiles({ pg: entry });
    assert.match(errors[0]?.message ?? "", /put all servers into \{"mcpServers": \{"pg": …\}\}$/);
  }
  // In an unknown format, the missing key is reported.
  const { errors } = await checkFiles({ theme: "dark" });
  assert.match(errors[0]?.message ?? "", /^this key is missing/);
});

Deno.test("[config.odd-names] faults in a name are spaces at its ends and invisible characters", () => {
  const faults = {
    "a ": "ends with a space",
    "\ta": "begins with a tab",
    "a\n": "ends with a line break",
    "\u00a0a": "begins with an unusual space, U+00A0",
    "\ufeffa": "begins with an invisible character, U+FEFF",
    "a\u200bb": "contains an invisible character, U+200B",
    "a\u202eb": "contains an invisible character, U+202E",
    "a\u200d": "ends with an invisible character, U+200D",
    "a\u{e0061}b": "contains an invisible character, U+E0061",
    "a\u17b4b": "contains an invisible character, U+17B4",
    " \u2060": "has no visible characters",
  };
  for (const [name, description] of Object.entries(faults)) {
    assert.equal(findNameFault(name)?.description, description, JSON.stringify(name));
  }
  const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";
  const validNames = [
    "",
    "a",
    "a b",
    "get_*",
    "?",
    "caf\u00e9",
    "\u4e2d\u6587",
    // A private-use character may be visible.
    "a\ue000b",
    family,
    `${family} x`,
  ];
  for (const name of validNames) {
    assert.equal(findNameFault(name), undefined, JSON.stringify(name));
  }
  assert.equal(findNameFault(`${family} `)?.correctedName, family);
  assert.equal(foldName("Caf\u00e9"), foldName("cafe\u0301\u200b "));
  assert.equal(quoteName("a\u17b4\uffa0\u202e"), '"a\\u{17b4}\\u{ffa0}\\u{202e}"');
});

Deno.test("[config.odd-names] a hundred thousand patterns are checked within 1.5 s", async () => {
  const tools = Array.from({ length: 100 }, (_, index) => `tool_${index}_*`);
  const agents = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => {
      return [`a${index}`, { allow: { servers: ["pg*"], tools: { "pg*": tools } } }];
    }),
  );
  const servers = { mcpServers: { pg: { command: "x" } } };
  const measureMs = async (rules: object): Promise<number> => {
    const startMs = cpuMs();
    const { warnings } = await checkFiles(servers, rules);
    assert.deepEqual(warnings, []);
    return cpuMs() - startMs;
  };
  await measureMs({ agents });
  const durationMs = await measureMs({ agents });
  assert.ok(durationMs < 1500, `${durationMs} ms`);
});
