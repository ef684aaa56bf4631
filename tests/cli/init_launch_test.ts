import assert from "node:assert/strict";
import { permissionFlags } from "../../scripts/permissions.ts";
import { type ClientLaunch, launchCommand } from "../../src/cli/init/client_entry.ts";

const FROM_SOURCE: ClientLaunch = {
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
