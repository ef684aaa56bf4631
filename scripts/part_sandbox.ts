/**
 * The program of a process in which code of agents runs, without the rest of the gateway, as a file beside the bundle. Such
 * a process may write no file, so Deno compiles its program at each start: a small one starts faster.
 *
 * @module
 */
import { WATCH_MEMORY_FLAG } from "../src/code_sandbox.ts";
import { runSandbox } from "../src/code/child/mod.ts";

void runSandbox({ watchesMemory: Deno.args.includes(WATCH_MEMORY_FLAG) });
