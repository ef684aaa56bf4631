import assert from "node:assert/strict";
import { permissionFlags } from "../../scripts/permissions.ts";
import { CLIENT_IDS } from "../../src/cli/init/clients.ts";
import { gatewayEntry, type Launch, launchCommand } from "../../src/cli/init/client_entry.ts";
import { InitFixture } from "./init_fixture.ts";

const FROM_SOURCE: Launch = {
  launcher: undefined,
  standalone: false,
  execPath: "/opt/deno",
  mainModule: "file:///my%20code/src/main.ts",
  windows: false,
};

Deno.test("[init.launch] source and bundle are started by Deno with the permissions of the task start", () => {
  const command = ["/opt/deno", "run", ...permissionFlags("start"), "/my code/src/main.ts"];
  assert.deepEqual(launchCommand(FROM_SOURCE), command);
  const windows = {
    execPath: "C:\\deno.exe",
    mainModule: "file:///D:/a%20b/main.js",
    windows: true,
  };
  const bundle = launchCommand({ ...FROM_SOURCE, ...windows });
  assert.equal(bundle.at(-1), "D:\\a b\\main.js");
  for (const flag of ["--no-config", ...permissionFlags("start")]) {
    assert.ok(bundle.includes(flag), flag);
  }
});

Deno.test("[init.launch] an executable is started by its path, and the npm package by the command in `launcher`", () => {
  const executable = { ...FROM_SOURCE, standalone: true, execPath: "/opt/agent-mcp-gateway" };
  assert.deepEqual(launchCommand(executable), ["/opt/agent-mcp-gateway"]);
  const npx = ["npx", "-y", "agent-mcp-gateway"];
  assert.deepEqual(launchCommand({ ...executable, launcher: npx.join(" ") }), npx);
  const commandWithSpaces = ["C:\\Program Files\\x.exe", "a b"];
  assert.deepEqual(
    launchCommand({ ...executable, launcher: JSON.stringify(commandWithSpaces) }),
    commandWithSpaces,
  );
});

Deno.test("[init.shared] with --shared, each client's entry lets all clients share one gateway", async () => {
  const options = {
    launchCommand: ["/opt/agent-mcp-gateway"],
    files: { servers: "/s.json", rules: "/r.json" },
    agent: "developer",
  } as const;
  for (const client of CLIENT_IDS) {
    const hasFlag = (isShared: boolean) => {
      return JSON.stringify(gatewayEntry(client, { ...options, isShared })).includes('"--shared"');
    };
    assert.deepEqual([hasFlag(true), hasFlag(false)], [true, false], client);
  }
  using fixture = new InitFixture();
  fixture.write(".cursor/mcp.json", { mcpServers: { files: { command: "files" } } });
  assert.match((await fixture.run({ yes: true, shared: true })).stdout, /"--shared"/);
  assert.doesNotMatch((await fixture.run({ yes: true })).stdout, /--shared/);
  const { code, stderr } = await fixture.run({ undo: true, shared: true });
  assert.deepEqual([code, stderr], [2, "--undo can be combined with --yes only\n"]);
});
