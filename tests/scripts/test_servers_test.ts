import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { TempFolder } from "./temp_folder.ts";

const SCRIPT = new URL("../../scripts/test_servers.ts", import.meta.url).href;

/** An npm that records its starts, is slow like the real one, and exits with the given code. */
function fakeNpm(code: number): string {
  return `#!/bin/sh\necho "$@" >> starts\nrm -rf node_modules\nsleep 0.3\nmkdir node_modules\nexit ${code}\n`;
}

/** Runs `ensureServers` for a folder in its own process, with the npm in that folder. */
async function ensureIn({ path }: TempFolder): Promise<boolean> {
  Deno.chmodSync(join(path, "npm"), 0o755);
  const code = `import { ensureServers } from ${JSON.stringify(SCRIPT)};
    await ensureServers(${JSON.stringify(path)});`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    env: { PATH: path + delimiter + Deno.env.get("PATH") },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

function readStarts({ path }: TempFolder): string[] {
  return Deno.readTextFileSync(join(path, "starts")).trimEnd().split("\n");
}

/** The npm of these tests is a shell script. */
const ignore = Deno.build.os === "windows";

Deno.test({
  name: "servers: concurrent installations are one, and a later one does nothing",
  ignore,
  async fn() {
    using folder = new TempFolder();
    folder.write({ npm: fakeNpm(0), "package-lock.json": "{}" });
    assert.deepEqual(await Promise.all([ensureIn(folder), ensureIn(folder)]), [true, true]);
    assert.equal(await ensureIn(folder), true);
    assert.deepEqual(readStarts(folder), ["ci --ignore-scripts --no-audit --no-fund"]);
  },
});

Deno.test({
  name: "servers: another lock file or missing node_modules leads to an installation",
  ignore,
  async fn() {
    using folder = new TempFolder();
    folder.write({ npm: fakeNpm(0), "package-lock.json": "{}" });
    assert.equal(await ensureIn(folder), true);
    folder.write({ "package-lock.json": '{ "name": "another" }' });
    assert.equal(await ensureIn(folder), true);
    assert.equal(readStarts(folder).length, 2);
    Deno.removeSync(join(folder.path, "node_modules"), { recursive: true });
    assert.equal(await ensureIn(folder), true);
    assert.equal(readStarts(folder).length, 3);
  },
});

Deno.test({
  name: "servers: an npm that fails is tried again the next time",
  ignore,
  async fn() {
    using folder = new TempFolder();
    folder.write({ npm: fakeNpm(1), "package-lock.json": "{}" });
    assert.equal(await ensureIn(folder), false);
    folder.write({ npm: fakeNpm(0) });
    assert.equal(await ensureIn(folder), true);
    assert.equal(readStarts(folder).length, 2);
  },
});

Deno.test("servers: each is installed and can be found", async () => {
  await ensureServers();
  for (const server of ["everything", "filesystem", "memory"] as const) {
    assert.ok(Deno.statSync(serverEntry(server)).isFile);
  }
});
