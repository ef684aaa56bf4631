import { crashRepeatedly } from "./fault_cycles.ts";
import { cannotPreload } from "./fault_preload.ts";
import { HAS_NO_SHELL } from "./fault_processes.ts";

Deno.test({
  name: "[faults.cycles] 120 crashes of a server leak no process, no zombie and no memory",
  ignore: HAS_NO_SHELL || cannotPreload,
  fn: async () => void await crashRepeatedly(120),
});
