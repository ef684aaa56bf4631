import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listBuilds, type MeasuredProgram } from "../../scripts/bench/measured_programs.ts";
import type { Row } from "../../scripts/bench/summary.ts";
import { Workspace } from "../../scripts/bench/workspace.ts";
import { permissionFlags } from "../../scripts/permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Returns a mapping that describes this gateway from source as another gateway. */
function describeSourceGateway(): Record<string, unknown> {
  using workspace = new Workspace();
  const [source] = listBuilds() as [MeasuredProgram];
  const command = source.command(workspace).map((word) => {
    return `"${
      word.replace(workspace.mcp, "{folder}/own.json").replace(workspace.rules, "{rules}")
    }"`;
  });
  const call = { agent_id: "{agent}", server: "{server}", tool: "{tool}", args: "{args}" };
  return {
    name: "itself",
    command: command.join(" "),
    env: { GATEWAY_AUDIT_LOG: "{audit}" },
    files: { "own.json": { mcpServers: "{servers}" } },
    call: { name: "execute_tool", arguments: call },
  };
}

Deno.test("bench: --peer measures a gateway described in a file, and reports a command that does not exist", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const [mapping, json] = [join(folder, "itself.json"), join(folder, "figures.json")];
    Deno.writeTextFileSync(mapping, JSON.stringify(describeSourceGateway()));
    const flags = ["--only", "calls", "--quick", "--share", "0.001", "--json", json];
    const peers = ["--peer", mapping, "--peer", "no-such-gateway --x", "--mapping", mapping];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissionFlags("soak"), "scripts/bench.ts", ...flags, ...peers],
      cwd: ROOT,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const { rows, failures }: { rows: Row[]; failures: string[] } = JSON.parse(
      Deno.readTextFileSync(json),
    );
    const medianOf = (program: string, figure: string): number | undefined => {
      return rows.find((row) => row.program === program && row.figure === figure)?.summary.median;
    };
    for (const load of ["100 B, 1", "10 kB, 8", "1 MB, 64"]) {
      for (const program of ["direct", "byte pipe", "source", "itself"]) {
        assert.ok((medianOf(program, `${load} in flight: p50`) ?? 0) > 0, `${program}, ${load}`);
      }
    }
    const [failure = ""] = failures;
    assert.match(failure, /^itself \(2\) cannot be started: there is no program "no-such-gateway"/);
    assert.ok(new TextDecoder().decode(stdout).includes(`Not measured: ${failure}`));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
