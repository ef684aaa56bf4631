import { mixCalls } from "./fault_mixed.ts";
import { NO_SHELL } from "./fault_processes.ts";

Deno.test({
  name: "[faults.mixed] 10,000 mixed calls beside servers being killed all end once, none mixed up",
  ignore: NO_SHELL,
  fn: async () => void await mixCalls(10_000),
});
