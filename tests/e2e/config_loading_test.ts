import assert from "node:assert/strict";
import { TempFolder } from "../config/temp_folder.ts";
import { denoDir, INFO_LOG_ENV } from "./setup.ts";
import { denoArgsWithTraps } from "./trapped_libraries.ts";

/** Runs the gateway from source, with an empty input and a trap in place of a library; returns its log. */
async function runWithTrap(
  library: string,
  servers: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  using folder = new TempFolder();
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  folder.write("mcp.json", servers);
  folder.write("rules.json", { agents: { a: { allow: { servers: ["*"] }, limits: {} } } });
  const trapArgs = denoArgsWithTraps("src/main.ts", folder.path, library);
  const fileFlags = ["--mcp-config", "mcp.json", "--rules", "rules.json"];
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...trapArgs, ...fileFlags, "--init-strategy", "lazy"],
    cwd: folder.path,
    env: { ...INFO_LOG_ENV, DENO_DIR: denoDir(), HOME: folder.path },
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stderr);
}

for (const library of ["zod/mini", "jsonc-parser"]) {
  Deno.test(`[start.good-files] serving valid files does not load ${library}`, async () => {
    const validEntry = {
      command: "x",
      args: ["y"],
      env: { A: "b" },
      gateway: { isolation: "shared" },
    };
    const output = await runWithTrap(library, JSON.stringify({ mcpServers: { a: validEntry } }));
    assert.match(output, /Gateway is ready/);
    assert.doesNotMatch(output, /was loaded/);
  });

  Deno.test(`[start.good-files] an invalid file loads ${library}, so the trap of the previous test works`, async () => {
    const output = await runWithTrap(library, '{"mcpServers": {"a": {"command": 7}}}');
    // The trap has no exports, so Deno may report a missing export before the trap throws.
    assert.match(output, /was loaded|does not provide an export/);
    assert.ok(output.includes(library), output);
  });
}

Deno.test("[pins.unused] only a lock file loads the code of pins", async () => {
  const pins = new URL("../../src/pins/mod.ts", import.meta.url).href;
  const servers = JSON.stringify({ mcpServers: { a: { command: "x" } } });
  const without = await runWithTrap(pins, servers);
  assert.match(without, /Gateway is ready/);
  assert.doesNotMatch(without, /was loaded/);
  const lockFile = '{"version":1,"servers":{}}';
  const withPins = await runWithTrap(pins, servers, { ".mcp-gateway-lock.json": lockFile });
  assert.match(withPins, /was loaded|does not provide an export/);
});
