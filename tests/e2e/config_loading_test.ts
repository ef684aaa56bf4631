import assert from "node:assert/strict";
import { TempFolder } from "../config/support.ts";
import { denoDir, INFO_LOG_ENV } from "./setup.ts";
import { denoArgsWithTraps } from "./trapped_libraries.ts";

/** Starts the gateway from source with a trap in place of a library, and an empty input. */
async function runWithTrap(library: string, servers: string): Promise<string> {
  using folder = new TempFolder();
  folder.write("mcp.json", servers);
  folder.write("rules.json", { agents: { a: { allow: { servers: ["*"] }, limits: {} } } });
  const words = denoArgsWithTraps("src/main.ts", folder.path, library);
  const files = ["--mcp-config", "mcp.json", "--rules", "rules.json"];
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...words, ...files, "--init-strategy", "lazy"],
    cwd: folder.path,
    env: { ...INFO_LOG_ENV, DENO_DIR: denoDir(), HOME: folder.path },
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stderr);
}

for (const library of ["zod/mini", "jsonc-parser"]) {
  Deno.test(`[start.good-files] serving good files does not load ${library}`, async () => {
    const good = { command: "x", args: ["y"], env: { A: "b" }, gateway: { isolation: "shared" } };
    const output = await runWithTrap(library, JSON.stringify({ mcpServers: { a: good } }));
    assert.match(output, /Gateway is ready/);
    assert.doesNotMatch(output, /was loaded/);
  });

  Deno.test(`[start.good-files] ${library} is loaded for other files: the trap above works`, async () => {
    const output = await runWithTrap(library, '{"mcpServers": {"a": {"command": 7}}}');
    // A trap has no exports: a missing one is reported before the trap runs.
    assert.match(output, /was loaded|does not provide an export/);
    assert.ok(output.includes(library), output);
  });
}
