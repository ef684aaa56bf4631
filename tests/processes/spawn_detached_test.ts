import assert from "node:assert/strict";
import { spawnDetached } from "../../src/processes/spawn_detached.ts";

/** Starts a shell that prints its ids, and returns them with the id of the process that was started. */
async function startShell(): Promise<Record<"pid" | "shell" | "group", string>> {
  const env = { PATH: Deno.env.get("PATH") ?? "" };
  const script = 'echo "$$ $(ps -o pgid= -p $$)"';
  const command = { file: "sh", args: ["-c", script], raw: false };
  const child = spawnDetached(command, { env, cwd: undefined });
  await child.stdin.close();
  const { stdout } = await child.output();
  const [shell = "", group = ""] = new TextDecoder().decode(stdout).trim().split(/\s+/);
  return { pid: String(child.pid), shell, group };
}

Deno.test({
  name:
    "[sessions.groups] a program leads a process group of its own, at its first start and at later ones",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    for (let start = 1; start <= 3; start++) {
      const { pid, shell, group } = await startShell();
      assert.deepEqual([shell, group], [pid, pid], `start ${start}`);
    }
  },
});

Deno.test({
  name:
    "[sessions.groups] a program that was started before and cannot be started any more is reported by its exit code",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/server`;
      await Deno.writeTextFile(file, "#!/bin/sh\nread -r line\nexit 7\n", { mode: 0o755 });
      const run = async () => {
        const child = spawnDetached({ file, args: [], raw: false }, { env: {}, cwd: undefined });
        const [{ code, stderr }] = await Promise.all([child.output(), child.stdin.close()]);
        return { code, stderr: new TextDecoder().decode(stderr) };
      };
      assert.deepEqual([(await run()).code, (await run()).code], [7, 7]);
      await Deno.writeTextFile(file, "#!/no/such/interpreter\n");
      const { code, stderr } = await run();
      assert.equal(code, 127);
      assert.ok(stderr.includes(file), stderr);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
