import assert from "node:assert/strict";
import { join } from "node:path";
import { oddServer, type RunningGateway, startGateway } from "./gateway.ts";
import { runOnce } from "./run_once.ts";
import { ALLOW_ALL_RULES } from "./setup.ts";

/** A servers file with one server, whose name identifies the file. */
function serversFile(name: string): object {
  return { mcpServers: { [name]: { command: "true" } } };
}

async function listServerNames(gateway: RunningGateway): Promise<string[]> {
  return (await gateway.callGatewayToolForJson<{ name: string }[]>("list_servers")).map((
    { name },
  ) => name);
}

const USER_CONFIG_FOLDER = "../home/.config/agent-mcp-gateway";
const LAZY = { GATEWAY_AGENT: "tester", GATEWAY_INIT_STRATEGY: "lazy" };

Deno.test("the locations of the two files", async (t) => {
  const everywhere = {
    [`${USER_CONFIG_FOLDER}/.mcp.json`]: serversFile("own"),
    [`${USER_CONFIG_FOLDER}/.mcp-gateway-rules.json`]: ALLOW_ALL_RULES,
    "config/.mcp.json": serversFile("config"),
    "config/.mcp-gateway-rules.json": ALLOW_ALL_RULES,
    "flag.json": serversFile("flag"),
    "variable.json": serversFile("variable"),
    "../home/tilde.json": serversFile("tilde"),
  };

  await t.step(
    "[config.search-order] [config.announced] the user's own files, before those of the working folder",
    async () => {
      await using gateway = await startGateway({
        servers: "{",
        rules: "{",
        files: everywhere,
        env: LAZY,
        args: [],
      });
      assert.deepEqual(await listServerNames(gateway), ["own"]);
      const { workingFolder: folder } = gateway.setup;
      for (const name of [".mcp.json", "config/.mcp.json", ".mcp-gateway-rules.json"]) {
        const path = join(folder, name);
        assert.ok(gateway.program.stderr.includes(`ignoring ${path}`), path);
      }
    },
  );

  await t.step(
    "[config.search-order] [config.announced] then those of the working folder",
    async () => {
      const files = { "config/.mcp.json": "{", "config/.mcp-gateway-rules.json": "{" };
      await using gateway = await startGateway({
        servers: { folder: { command: "true" } },
        rules: ALLOW_ALL_RULES,
        files,
        env: LAZY,
      });
      assert.deepEqual(await listServerNames(gateway), ["folder"]);
      const { workingFolder: folder } = gateway.setup;
      assert.ok(gateway.program.stderr.includes(`using ${folder}/.mcp.json, found in the working`));
    },
  );

  await t.step("[config.search-order] then those in its config folder", async () => {
    const files = {
      "config/.mcp.json": serversFile("config"),
      "config/.mcp-gateway-rules.json": ALLOW_ALL_RULES,
    };
    const options = { servers: false, rules: false, files, env: LAZY } as const;
    await using gateway = await startGateway(options);
    assert.deepEqual(await listServerNames(gateway), ["config"]);
  });

  await t.step("[cli.flags] a flag before a variable, a variable before all files", async () => {
    const variable = { ...LAZY, GATEWAY_MCP_CONFIG: "variable.json" };
    const starts = [
      [["--mcp-config=flag.json"], variable, "flag"],
      [["serve", "--mcp-config", "flag.json"], variable, "flag"],
      [["--mcp-config", "~/tilde.json"], variable, "tilde"],
      [["serve"], variable, "variable"],
      [[], { ...LAZY, GATEWAY_MCP_CONFIG: "~/tilde.json" }, "tilde"],
      [[], { ...LAZY, GATEWAY_MCP_CONFIG: "" }, "own"],
    ] as const;
    for (const [args, env, expected] of starts) {
      await using gateway = await startGateway({ files: everywhere, args, env });
      assert.deepEqual(await listServerNames(gateway), [expected]);
    }
  });

  await t.step(
    "[cli.config-errors] [config.missing-explained] if there are none, the searched paths are listed",
    async () => {
      const { code, stdout, stderr, workingFolder: folder } = await runOnce([], {
        servers: false,
        rules: false,
      });
      assert.deepEqual([code, stdout], [1, ""]);
      for (const name of [".mcp.json", ".mcp-gateway-rules.json"]) {
        assert.ok(stderr.includes(`${name}: not found`), name);
      }
      const looked = [join(folder, USER_CONFIG_FOLDER), folder, join(folder, "config")].join(", ");
      assert.ok(stderr.includes(`looked in ${looked}`), stderr);
    },
  );
});

Deno.test("the messages of the log", async (t) => {
  await t.step(
    "[cli.startup-summary] which files were loaded, and that all servers are ready",
    async () => {
      const { stderr } = await runOnce(["--log-level", "info"], {
        servers: { one: oddServer(), two: oddServer() },
        env: { GATEWAY_DEBUG: "true" },
      });
      for (
        const line of [
          "Loading MCP server configuration from: .mcp.json",
          "Loading gateway rules from: .mcp-gateway-rules.json",
          "Audit log will be written to: ",
          "initialized successfully",
          "- 2 MCP server(s) configured",
          "- 1 agent(s) configured",
          "- Default policy: deny unknown agents",
          "- 4 gateway tools available: list_servers, get_server_tools, execute_tool, get_gateway_",
          "Gateway is ready. Running with stdio transport...",
        ]
      ) {
        assert.ok(stderr.includes(line), `${line} in ${stderr}`);
      }
    },
  );

  await t.step("[cli.log-level] as many as the level permits", async () => {
    const rules = { agents: { a: { allow: { servers: ["gone"] } } } };
    const quiet = await runOnce(["--log-level", "error"], { rules });
    assert.equal(quiet.stderr, "");
    const warnings = await runOnce([], { rules, env: { GATEWAY_LOG_LEVEL: "warning" } });
    assert.match(warnings.stderr, /^warn: [^\n]*"gone"[^\n]*\n$/);
  });

  await t.step("[log.silent] none by default without a terminal", async () => {
    const options = { servers: { one: oddServer() } };
    assert.equal((await runOnce([], options)).stderr, "");
    const asked = await runOnce([], { ...options, env: { GATEWAY_LOG_LEVEL: "info" } });
    assert.match(asked.stderr, /^Gateway is ready/m);
    const wrong = await runOnce([], { ...options, rules: "{" });
    assert.match(wrong.stderr, /^error: The gateway cannot start/);
  });

  await t.step("[cli.log-format] as JSON for machines", async () => {
    const { stderr } = await runOnce(["--log-format", "json", "--log-level", "info"]);
    const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.ok(lines.length >= 4);
    for (const { time, level, message } of lines) {
      assert.ok(Date.parse(time) > 0);
      assert.equal(level, "info");
      assert.equal(typeof message, "string");
    }
  });
});
