import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { runOnce } from "./run_once.ts";
import { ALLOW_ALL_RULES } from "./setup.ts";

/** Creates the content of a servers file with one server. The server's name shows which file was read. */
function createServersFile(name: string): object {
  return { mcpServers: { [name]: { command: "true" } } };
}

async function listServerNames(gateway: RunningGateway): Promise<string[]> {
  return (await gateway.callGatewayToolForJson<{ name: string }[]>("list_servers")).map((
    { name },
  ) => name);
}

const USER_CONFIG_FOLDER = "../home/.config/agent-mcp-gateway";
const LAZY_ENV = { GATEWAY_AGENT: "tester", GATEWAY_INIT_STRATEGY: "lazy" };

Deno.test("the locations of the two configuration files", async (t) => {
  const filesEverywhere = {
    [`${USER_CONFIG_FOLDER}/.mcp.json`]: createServersFile("own"),
    [`${USER_CONFIG_FOLDER}/.mcp-gateway-rules.json`]: ALLOW_ALL_RULES,
    "config/.mcp.json": createServersFile("config"),
    "config/.mcp-gateway-rules.json": ALLOW_ALL_RULES,
    "flag.json": createServersFile("flag"),
    "variable.json": createServersFile("variable"),
    "../home/tilde.json": createServersFile("tilde"),
  };

  await t.step(
    "[config.search-order] [config.announced] the user's own files come before those of the working folder",
    async () => {
      await using gateway = await startGateway({
        servers: "{",
        rules: "{",
        files: filesEverywhere,
        env: LAZY_ENV,
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
    "[config.search-order] [config.announced] the files of the working folder come second",
    async () => {
      const files = { "config/.mcp.json": "{", "config/.mcp-gateway-rules.json": "{" };
      await using gateway = await startGateway({
        servers: { folder: { command: "true" } },
        rules: ALLOW_ALL_RULES,
        files,
        env: LAZY_ENV,
      });
      assert.deepEqual(await listServerNames(gateway), ["folder"]);
      const { workingFolder: folder } = gateway.setup;
      assert.ok(gateway.program.stderr.includes(`using ${folder}/.mcp.json, found in the working`));
    },
  );

  await t.step(
    "[config.search-order] the files in the config folder of the working folder come last",
    async () => {
      const files = {
        "config/.mcp.json": createServersFile("config"),
        "config/.mcp-gateway-rules.json": ALLOW_ALL_RULES,
      };
      const options = { servers: false, rules: false, files, env: LAZY_ENV } as const;
      await using gateway = await startGateway(options);
      assert.deepEqual(await listServerNames(gateway), ["config"]);
    },
  );

  await t.step(
    "[cli.flags] a flag overrides its variable, which overrides the search",
    async () => {
      const variable = { ...LAZY_ENV, GATEWAY_MCP_CONFIG: "variable.json" };
      const starts = [
        [["--mcp-config=flag.json"], variable, "flag"],
        [["serve", "--mcp-config", "flag.json"], variable, "flag"],
        [["--mcp-config", "~/tilde.json"], variable, "tilde"],
        [["serve"], variable, "variable"],
        [[], { ...LAZY_ENV, GATEWAY_MCP_CONFIG: "~/tilde.json" }, "tilde"],
      ] as const;
      for (const [args, env, expected] of starts) {
        await using gateway = await startGateway({ files: filesEverywhere, args, env });
        assert.deepEqual(await listServerNames(gateway), [expected]);
      }
    },
  );

  await t.step(
    "[cli.config-errors] [config.missing-explained] if there are no files, the error lists the searched folders",
    async () => {
      const { code, stdout, stderr, workingFolder: folder } = await runOnce([], {
        servers: false,
        rules: false,
      });
      assert.deepEqual([code, stdout], [1, ""]);
      for (const name of [".mcp.json", ".mcp-gateway-rules.json"]) {
        assert.ok(stderr.includes(`${name}: not found`), name);
      }
      const searchedFolders = [join(folder, USER_CONFIG_FOLDER), folder, join(folder, "config")]
        .join(", ");
      assert.ok(stderr.includes(`looked in ${searchedFolders}`), stderr);
    },
  );
});

Deno.test("the messages of the log", async (t) => {
  await t.step(
    "[cli.startup-summary] the start summary names the loaded files and says that the gateway is ready",
    async () => {
      const { stderr } = await runOnce(["--log-level", "info"], {
        servers: { one: misbehavingServer(), two: misbehavingServer() },
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

  await t.step(
    "[cli.startup-summary] the start summary names only tools that clients see",
    async () => {
      const servers = { one: { ...misbehavingServer(), gateway: { direct: ["echo"] } } };
      const args = ["--log-level", "info"];
      const { stderr: metaText } = await runOnce(args, { servers });
      assert.match(metaText, /^ *- 3 gateway tools available: list_servers, /m);
      assert.match(metaText, /^ *- Direct tools: of one$/m);
      const { stderr: directText } = await runOnce([...args, "--face", "direct"], { servers });
      assert.match(directText, /^ *- Direct tools: all that an agent may call$/m);
      assert.doesNotMatch(directText, /list_servers/);
    },
  );

  await t.step("[cli.log-level] only messages of the level or above are logged", async () => {
    const rules = { agents: { a: { allow: { servers: ["gone"] } } } };
    const errorsOnly = await runOnce(["--log-level", "error"], { rules });
    assert.equal(errorsOnly.stderr, "");
    const warnings = await runOnce([], { rules, env: { GATEWAY_LOG_LEVEL: "warning" } });
    assert.match(warnings.stderr, /^warn: [^\n]*"gone"[^\n]*\n$/);
  });

  await t.step(
    "[log.silent] without a terminal, by default a start is logged only if it fails",
    async () => {
      const options = { servers: { one: misbehavingServer() } };
      assert.equal((await runOnce([], options)).stderr, "");
      const withInfo = await runOnce([], { ...options, env: { GATEWAY_LOG_LEVEL: "info" } });
      assert.match(withInfo.stderr, /^Gateway is ready/m);
      const invalid = await runOnce([], { ...options, rules: "{" });
      assert.match(invalid.stderr, /^error: The gateway cannot start/);
    },
  );

  await t.step("[cli.log-format] each line is a JSON object if the format is json", async () => {
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
