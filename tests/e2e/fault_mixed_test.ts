import { callWhileKilling } from "./fault_mixed.ts";
import { HAS_NO_SHELL } from "./fault_processes.ts";

Deno.test({
  name:
    "[faults.mixed] while servers are killed, each of 2,500 calls gets one answer: the right one, or SERVER_UNAVAILABLE",
  ignore: HAS_NO_SHELL,
  fn: async () => void await callWhileKilling(2_500),
});
