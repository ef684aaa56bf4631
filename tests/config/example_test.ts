import assert from "node:assert/strict";
import { checkConfiguration, locateFiles } from "../../src/config/mod.ts";
import { createEnvironment } from "./check_files.ts";

const root = new URL("../../", import.meta.url).pathname;

Deno.test("[config.example] the example files are found last, and valid without variables", async () => {
  const files = locateFiles({}, {
    home: undefined,
    cwd: root,
    exists: (path) => path.startsWith(`${root}config/`),
  });
  assert.equal(files.mcpConfig.path, `${root}config/.mcp.json`);
  const options = { env: createEnvironment({}), cwd: root, windows: false };
  const { configuration, errors, warnings } = await checkConfiguration(files, options);
  assert.deepEqual([errors, warnings], [[], []]);
  assert.ok(configuration !== undefined);
  assert.deepEqual([...configuration.servers.keys()], ["everything", "files"]);
  for (const server of configuration.servers.values()) {
    assert.equal(server.unavailable, undefined);
    assert.ok(server.description !== undefined);
    assert.ok(server.connection.kind === "stdio" && server.connection.command === "npx");
  }
  assert.deepEqual([...configuration.rules.agents.keys()], ["researcher", "developer", "default"]);
  assert.deepEqual(configuration.rules.agents.get("default")?.deny?.servers, ["*"]);
  assert.equal(configuration.rules.agents.get("default")?.allow, undefined);
});

Deno.test("[config.example] a variable sets the folder of the file server", async () => {
  const paths = {
    mcpConfig: `${root}config/.mcp.json`,
    rules: `${root}config/.mcp-gateway-rules.json`,
  };
  const env = createEnvironment({ DEMO_FOLDER: "/demo" });
  const files = locateFiles(paths, { home: undefined, cwd: root });
  const { configuration } = await checkConfiguration(files, { env, cwd: root, windows: false });
  const connection = configuration?.servers.get("files")?.connection;
  assert.ok(connection?.kind === "stdio");
  assert.equal(connection.args.at(-1), "/demo");
});
