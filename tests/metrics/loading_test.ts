import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };

const MODULE = new URL("../../src/metrics/mod.ts", import.meta.url).href;

/** Runs a script in which prom-client is a module that says that it was loaded, and fails. */
async function runTrapped(script: string): Promise<string> {
  const folder = Deno.makeTempDirSync();
  try {
    const trap = 'data:text/javascript,throw new Error("prom-client was loaded")';
    const imports = { ...config.imports, "prom-client": trap };
    Deno.writeTextFileSync(`${folder}/deno.json`, JSON.stringify({ imports }));
    Deno.writeTextFileSync(`${folder}/script.ts`, script);
    const source = fileURLToPath(new URL("../../src", import.meta.url));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", `--allow-read=${source}`, `${folder}/script.ts`],
      cwd: folder,
      stdin: "null",
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("[metrics.lazy] the library of Prometheus is loaded for its text, not before", async () => {
  const observe = `import { Metrics, writePrometheus } from ${JSON.stringify(MODULE)};
    const metrics = new Metrics();
    metrics.observe({ operation: "list_servers", latencyMs: 1 });
    console.log(metrics.summary().operations.list_servers.count);`;
  assert.equal(await runTrapped(observe), "1\n");
  assert.match(await runTrapped(`${observe} await writePrometheus(metrics);`), /was loaded/);
});
