import { callWhileKilling } from "./fault_mixed.ts";
import { HAS_NO_SHELL } from "./fault_processes.ts";

Deno.test({
  name:
    "[faults.mixed] each of 10,000 mixed calls gets one answer, its own, while servers are killed",
  ignore: HAS_NO_SHELL,
  fn: async () => void await callWhileKilling(10_000),
});
