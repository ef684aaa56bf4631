import assert from "node:assert/strict";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { installPackage } from "../../scripts/install.ts";
import { readPermissionFlags } from "../../scripts/permissions.ts";
import { environmentWithoutDeno, ROOT } from "../e2e/gateway_command.ts";
import { machineEnvironment } from "../e2e/setup.ts";
import { TempFolder } from "./temp_folder.ts";

/** Runs the task `install` with the given global folder of npm. */
async function install(prefix: string): Promise<{ code: number; output: string }> {
  const flags = readPermissionFlags(config.tasks.install.command);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, "scripts/install.ts", "--prefer-offline", "--prefix", prefix],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("[install.command] the installed command needs neither Deno on the PATH nor the clone", async () => {
  using folder = new TempFolder();
  const { code, output } = await install(folder.path);
  assert.equal(code, 0, output);
  assert.match(output, /Installed the command agent-mcp-gateway\. Next: agent-mcp-gateway init/);
  const isWindows = Deno.build.os === "windows";
  const command = isWindows
    ? join(folder.path, "agent-mcp-gateway.cmd")
    : join(folder.path, "bin", "agent-mcp-gateway");
  const home = join(folder.path, "home");
  Deno.mkdirSync(home);
  const { stdout, stderr } = await new Deno.Command(command, {
    args: ["--version"],
    cwd: home,
    env: { ...machineEnvironment(), ...environmentWithoutDeno("npm"), HOME: home },
    clearEnv: true,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stdout).trim(), config.version, decoder.decode(stderr));
  // The installed package is a copy, not a link to the clone.
  assert.ok(Deno.realPathSync(command).startsWith(Deno.realPathSync(folder.path)));
});

Deno.test({
  name: "[install.command] if npm cannot write, the message says what to do instead",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TempFolder();
    folder.write({
      file: "",
      "npm/package.json": '{ "name": "agent-mcp-gateway", "version": "0.1.0" }',
    });
    await assert.rejects(
      installPackage(join(folder.path, "npm"), ["--prefix", join(folder.path, "file", "below")]),
      /deno task install --prefix ~\/\.local\n[^]*deno task compile/,
    );
  },
});
