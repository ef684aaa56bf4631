import { callWhileKilling } from "./fault_mixed.ts";
import { HAS_NO_SHELL } from "./fault_processes.ts";

Deno.test({
  name: "[faults.mixed] 10,000 mixed calls beside servers being killed all end once, none mixed up",
  ignore: HAS_NO_SHELL,
  fn: async () => void await callWhileKilling(10_000),
});
