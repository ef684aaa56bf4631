import assert from "node:assert/strict";
import config from "../../../deno.json" with { type: "json" };

const MODULE = new URL("../../../src/downstream/mod.ts", import.meta.url).href;
const CONFIG = JSON.stringify({
  name: "files",
  connect: { kind: "http", url: "http://127.0.0.1:9/", headers: {} },
  options: { connectTimeoutMs: 1000, callTimeoutMs: 1000 },
  secrets: [],
});

/** Runs a script in which the SDK's client is a module that says that it was loaded, and fails. */
async function runTrapped(script: string): Promise<string> {
  const folder = Deno.makeTempDirSync();
  try {
    const trap = 'data:text/javascript,throw new Error("the SDK was loaded")';
    const imports = { ...config.imports, "@modelcontextprotocol/client": trap };
    Deno.writeTextFileSync(`${folder}/deno.json`, JSON.stringify({ imports }));
    Deno.writeTextFileSync(`${folder}/script.ts`, script);
    const permissions = ["--allow-read", "--allow-env", "--allow-net=127.0.0.1"];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--no-prompt", ...permissions, `${folder}/script.ts`],
      cwd: folder,
      stdin: "null",
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("[remote.lazy] the SDK is loaded where a remote server is opened, not before", async () => {
  const load = `import { openTransport } from ${JSON.stringify(MODULE)}; console.log("here");`;
  assert.equal(await runTrapped(load), "here\n");
  assert.match(
    await runTrapped(`${load} await openTransport(${CONFIG}, {});`),
    /the SDK was loaded/,
  );
});
