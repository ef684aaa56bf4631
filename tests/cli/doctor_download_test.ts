import assert from "node:assert/strict";
import { join } from "node:path";
import { parseServers, readSettings } from "../../src/config/mod.ts";
import { ProbedServers } from "../../src/cli/probe.ts";
import { createLog } from "../../src/log.ts";
import { HAS_NO_SHELL } from "../e2e/fault_processes.ts";
import { misbehavingServer } from "../e2e/gateway.ts";
import { Shell } from "./shell.ts";

const SERVERS = {
  a: { command: "npx", args: ["-y", "a"] },
  b: { command: "npm", args: ["exec", "b"] },
  plain: { command: "node", args: ["server.js"] },
  c: { command: "/usr/bin/uvx", args: ["c"] },
  d: { command: "cmd", args: ["/c", "bunx", "d"] },
  e: { command: "pnpm", args: ["dlx", "e"] },
};

Deno.test("[cli.doctor-download] at most three servers that download a package start at a time, and other servers start at once", async () => {
  const env = { get: () => undefined, toObject: () => ({}) };
  const servers = await parseServers(JSON.stringify({ mcpServers: SERVERS }), { env, cwd: "/" });
  const probedServers = new ProbedServers({ servers }, {
    settings: readSettings({}, env),
    log: createLog({ level: "error", write: () => {} }),
    interrupts: { signal: new AbortController().signal, onFurtherSignal: () => {} },
  });
  const startedNames: string[] = [];
  const ends = new Map<string, () => void>();
  const names = probedServers.mapServers(servers.keys(), (name) => {
    startedNames.push(name);
    const { promise, resolve } = Promise.withResolvers<string>();
    ends.set(name, () => resolve(name));
    return promise;
  });
  const tick = () => new Promise((resolve) => setTimeout(resolve));
  await tick();
  assert.deepEqual(startedNames, ["plain", "a", "b", "c"]);
  ends.get("b")?.();
  await tick();
  assert.deepEqual(startedNames.slice(4), ["d"]);
  ends.get("a")?.();
  await tick();
  assert.deepEqual(startedNames.slice(5), ["e"]);
  for (const end of ends.values()) end();
  assert.deepEqual(await names, Object.keys(SERVERS));
  await probedServers.close();
});

/** Returns a shell script that starts a server after a delay. */
function slowServerScript(seconds: number): string {
  const { command, args } = misbehavingServer();
  const words = [command, ...args].map((word) => `'${word}'`).join(" ");
  return `#!/bin/sh\nsleep ${seconds}\nexec ${words}\n`;
}

Deno.test({
  name: "[cli.doctor-download] a start that downloads a package has a longer time limit",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const gateway = { connect_timeout_ms: 300 };
    const servers = {
      package: { command: "./npx", args: ["-y", "odd"], gateway },
      program: { command: "./slow", gateway },
    };
    await using shell = new Shell({ servers });
    for (const name of ["npx", "slow"]) {
      const path = join(shell.setup.workingFolder, name);
      Deno.writeTextFileSync(path, slowServerScript(1));
      Deno.chmodSync(path, 0o755);
    }
    const { stdout, stderr } = await shell.run(["doctor", "--json"]);
    const [packageReport, programReport] = JSON.parse(stdout).servers;
    assert.equal(packageReport.ok, true, stdout);
    assert.match(
      packageReport.warnings[0],
      /^it took \d+\.\d\d s to start, and agents' calls wait for at most 0\.30 s\. .*raise mcpServers\.package\.gateway\.connect_timeout_ms$/,
    );
    assert.equal(programReport.error.kind, "too-slow");
    assert.match(stderr, /^packages may be downloading \(120 s at most each\)$/m);
  },
});
