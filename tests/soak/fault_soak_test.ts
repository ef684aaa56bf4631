import { crashAgainAndAgain } from "../e2e/fault_cycles.ts";
import { mixCalls } from "../e2e/fault_mixed.ts";
import { isCompiled } from "../e2e/fault_preload.ts";
import { NO_SHELL } from "../e2e/fault_processes.ts";

function print(figures: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${figures}\n`));
}

Deno.test({
  name: "[faults.cycles] 2,000 crashes leave no process, no zombie and no memory behind",
  ignore: NO_SHELL || isCompiled,
  fn: async () => print(await crashAgainAndAgain(2000)),
});

Deno.test({
  name: "[faults.mixed] 100,000 mixed calls beside servers being killed all end once",
  ignore: NO_SHELL,
  fn: async () => print(await mixCalls(100_000)),
});
