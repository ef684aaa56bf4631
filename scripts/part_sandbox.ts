/**
 * The process in which code of agents runs, without the rest of the gateway, as a file beside the bundle. Deno keeps no
 * compiled code for this process, so it starts faster if its file has nothing else.
 *
 * @module
 */
import { WATCH_MEMORY_FLAG } from "../src/code_sandbox.ts";
import { runSandbox } from "../src/code/child/mod.ts";

void runSandbox({ watchesMemory: Deno.args.includes(WATCH_MEMORY_FLAG) });
