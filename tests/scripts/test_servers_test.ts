import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { TempFolder } from "./temp_folder.ts";

const SCRIPT = new URL("../../scripts/test_servers.ts", import.meta.url).href;

/**
 * Writes a script that takes the place of npm: it records its arguments, runs for 0.3 s, and exits with the
 * given code.
 */
function writeFakeNpm(exitCode: number): string {
  return `#!/bin/sh\necho "$@" >> starts\nrm -rf node_modules\nsleep 0.3\nmkdir node_modules\nexit ${exitCode}\n`;
}

/** Runs `ensureServers` for a folder in its own process, with the npm in that folder. */
async function ensureServersIn({ path }: TempFolder): Promise<boolean> {
  Deno.chmodSync(join(path, "npm"), 0o755);
  const program = `import { ensureServers } from ${JSON.stringify(SCRIPT)};
    await ensureServers(${JSON.stringify(path)});`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
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

/** Whether to skip the tests in which npm is a shell script. */
const ignore = Deno.build.os === "windows";

Deno.test({
  name: "servers: concurrent calls install once, and a later call installs nothing",
  ignore,
  async fn() {
    using folder = new TempFolder();
    folder.write({ npm: writeFakeNpm(0), "package-lock.json": "{}" });
    assert.deepEqual(await Promise.all([ensureServersIn(folder), ensureServersIn(folder)]), [
      true,
      true,
    ]);
    assert.equal(await ensureServersIn(folder), true);
    assert.deepEqual(readStarts(folder), ["ci --ignore-scripts --no-audit --no-fund"]);
  },
});

Deno.test({
  name:
    "servers: the servers are installed again if the lock file changes or node_modules is missing",
  ignore,
  async fn() {
    using folder = new TempFolder();
    folder.write({ npm: writeFakeNpm(0), "package-lock.json": "{}" });
    assert.equal(await ensureServersIn(folder), true);
    folder.write({ "package-lock.json": '{ "name": "another" }' });
    assert.equal(await ensureServersIn(folder), true);
    assert.equal(readStarts(folder).length, 2);
    Deno.removeSync(join(folder.path, "node_modules"), { recursive: true });
    assert.equal(await ensureServersIn(folder), true);
    assert.equal(readStarts(folder).length, 3);
  },
});

Deno.test({
  name: "servers: the next call installs again after a failure of npm",
  ignore,
  async fn() {
    using folder = new TempFolder();
    folder.write({ npm: writeFakeNpm(1), "package-lock.json": "{}" });
    assert.equal(await ensureServersIn(folder), false);
    folder.write({ npm: writeFakeNpm(0) });
    assert.equal(await ensureServersIn(folder), true);
    assert.equal(readStarts(folder).length, 2);
  },
});

Deno.test("servers: the program of each installed server is found", async () => {
  await ensureServers();
  for (const server of ["everything", "filesystem", "memory"] as const) {
    assert.ok(Deno.statSync(serverEntry(server)).isFile);
  }
});
