import assert from "node:assert/strict";
import { MemoryWatch } from "../../src/processes/mod.ts";
import { listProcesses } from "../e2e/fault_processes.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "[code.memory] a process with too much memory is reported, and no other",
  ignore,
  fn: async () => {
    const watch = new MemoryWatch();
    const reported = Promise.withResolvers<void>();
    const unexpected = (): void => reported.reject(new Error("An unexpected report"));
    watch.add({ pid: Deno.pid, maxBytes: 1e12, onExceeded: unexpected, onLost: unexpected });
    // No process has this id.
    watch.add({ pid: 2 ** 30, maxBytes: 0, onExceeded: unexpected, onLost: unexpected });
    watch.add({ pid: Deno.pid, maxBytes: 1e6, onExceeded: reported.resolve, onLost: unexpected });
    await reported.promise;
    await watch.close();
  },
});

Deno.test({
  name: "[code.memory] processes are reported when their memory cannot be watched any longer",
  ignore,
  fn: async () => {
    const watch = new MemoryWatch();
    const add = (): Promise<void> => {
      const lost = Promise.withResolvers<void>();
      watch.add({
        pid: Deno.pid,
        maxBytes: 1e12,
        onExceeded: () => lost.reject(new Error("An unexpected report")),
        onLost: lost.resolve,
      });
      return lost.promise;
    };
    // The second round shows that another shell is started.
    for (let round = 0; round < 2; round++) {
      const lost = add();
      const shells = (await listProcesses()).filter(({ parent, args }) => {
        return parent === Deno.pid && args.includes("VmRSS");
      });
      assert.equal(shells.length, 1);
      for (const { pid } of shells) Deno.kill(pid, "SIGKILL");
      await lost;
    }
    await watch.close();
  },
});
