import { crashRepeatedly } from "../e2e/fault_cycles.ts";
import { callWhileKilling } from "../e2e/fault_mixed.ts";
import { cannotPreload } from "../e2e/fault_preload.ts";
import { HAS_NO_SHELL } from "../e2e/fault_processes.ts";

function print(figures: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${figures}\n`));
}

Deno.test({
  name: "[faults.cycles] 2,000 crashes of a server leak no process, no zombie and no memory",
  ignore: HAS_NO_SHELL || cannotPreload,
  fn: async () => print(await crashRepeatedly(2000)),
});

Deno.test({
  name:
    "[faults.mixed] each of 100,000 mixed calls gets one answer, its own, while servers are killed",
  ignore: HAS_NO_SHELL,
  fn: async () => print(await callWhileKilling(100_000)),
});
