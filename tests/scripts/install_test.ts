import assert from "node:assert/strict";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { installWords } from "../../scripts/install.ts";
import { permissionFlags } from "../../scripts/permissions.ts";
import { commandWords } from "../e2e/gateway_command.ts";
import { denoDir, machineEnvironment } from "../e2e/setup.ts";
import { TempFolder } from "./temp_folder.ts";

Deno.test("[install.deno] deno install makes a command with the permissions of start", async () => {
  using folder = new TempFolder();
  const bundle = (await commandWords("bundle")).at(-1) ?? "";
  // The command starts whatever `deno` is found first.
  const bin = join(folder.path, "bin");
  Deno.mkdirSync(bin);
  const isWindows = Deno.build.os === "windows";
  Deno.symlinkSync(Deno.execPath(), join(bin, isWindows ? "deno.exe" : "deno"));
  const env: Record<string, string> = {
    ...machineEnvironment(),
    DENO_DIR: denoDir(),
    HOME: folder.path,
  };
  const path = `${bin}${isWindows ? ";" : ":"}${env["PATH"] ?? ""}`;
  const options = { env: { ...env, PATH: path }, clearEnv: true, stdin: "null" } as const;
  const installed = await new Deno.Command(Deno.execPath(), {
    args: installWords(bundle, ["--root", folder.path]),
    ...options,
  }).output();
  assert.ok(installed.success, new TextDecoder().decode(installed.stderr));
  const command = join(bin, `agent-mcp-gateway${isWindows ? ".cmd" : ""}`);
  const text = Deno.readTextFileSync(command);
  for (const flag of permissionFlags()) assert.ok(text.includes(flag), flag);
  assert.doesNotMatch(text, /--allow-all|--allow-ffi|-A\b/);
  const { stdout } = await new Deno.Command(command, { args: ["--version"], ...options }).output();
  assert.equal(new TextDecoder().decode(stdout).trim(), config.version);
});
