import { crashAgainAndAgain } from "./fault_cycles.ts";
import { isCompiled } from "./fault_preload.ts";
import { NO_SHELL } from "./fault_processes.ts";

Deno.test({
  name: "[faults.cycles] 200 crashes leave no process, no zombie and no memory behind",
  ignore: NO_SHELL || isCompiled,
  fn: async () => void await crashAgainAndAgain(200),
});
