import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { killCommand, treeKillCommand } from "../../src/processes/process_group.ts";

Deno.test("[sessions.group-commands] a group is signalled by a command that every shell's kill accepts", () => {
  assert.deepEqual(killCommand(123, "SIGKILL"), ["kill", "-s", "KILL", "--", "-123"]);
  assert.deepEqual(killCommand(123, "SIGTERM"), ["kill", "-s", "TERM", "--", "-123"]);
  assert.deepEqual(killCommand(123, 0), ["kill", "-s", "0", "--", "-123"]);
});

Deno.test("[sessions.group-commands] on Windows a process is ended with all its descendants", () => {
  assert.deepEqual(treeKillCommand(123), ["taskkill", "/pid", "123", "/t", "/f"]);
});

const PERMISSIONS: readonly [sender: string, flag: string][] = [
  ["by Deno itself", "--allow-run"],
  ["by the kill command, if Deno may run only some programs", "--allow-run=sh,kill"],
];

for (const [sender, flag] of PERMISSIONS) {
  Deno.test({
    name: `[sessions.groups] every process of a group that ignores SIGTERM is killed, ${sender}`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      const program = fileURLToPath(new URL("end_group.ts", import.meta.url));
      const args = ["run", "--quiet", "--no-prompt", "--no-config", flag, program];
      const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), { args })
        .output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const { mayRunAll, grandchildPid, results } = JSON.parse(new TextDecoder().decode(stdout));
      // If every program may run, Deno sends the signals itself, and the fallback does not run.
      assert.equal(mayRunAll, flag === "--allow-run");
      // The group runs, gets SIGTERM, does not end, is killed, ends, and accepts no more signals.
      assert.deepEqual(results, [true, true, false, true, true, false]);
      assert.throws(
        () => Deno.kill(grandchildPid, 0 as unknown as Deno.Signal),
        Deno.errors.NotFound,
      );
    },
  });
}
