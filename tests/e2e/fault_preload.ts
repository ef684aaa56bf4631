import { fileURLToPath } from "node:url";
import { RunningGateway } from "./gateway.ts";
import { commandWords, GATEWAY_COMMAND } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup, type SetupOptions } from "./setup.ts";

/** Throws when told to. */
export const EXCEPTION: string = fileURLToPath(new URL("./fault_exception.ts", import.meta.url));

/** Tells its memory. */
export const MEMORY: string = fileURLToPath(new URL("./fault_memory.ts", import.meta.url));

/** Whether the gateway is an executable, which loads nothing but itself. */
export const isCompiled: boolean = !["source", "bundle"].includes(GATEWAY_COMMAND);

/** Changes the words that start the gateway. */
export type Wrap = (words: readonly string[]) => readonly string[];

/** Has a module loaded first, in the gateway's process; the gateway itself knows nothing of it. */
export function preload(module: string): Wrap {
  return ([deno = "", run = "", ...words]) => [deno, run, "--preload", module, ...words];
}

/** Starts a gateway, its words changed where it must be started in some other way. */
export async function startWrapped(
  setup: Setup,
  wrap: Wrap = (words) => words,
): Promise<RunningGateway> {
  const [command = "", ...args] = wrap(await commandWords(GATEWAY_COMMAND));
  const program = new Program({ command, args, cwd: setup.folder, env: setup.env });
  return new RunningGateway(setup, program);
}

/** Starts a gateway with a module loaded first, and introduces a client to it. */
export async function startPreloaded(
  module: string,
  options: SetupOptions,
): Promise<RunningGateway> {
  const gateway = await startWrapped(new Setup(options), preload(module));
  try {
    await gateway.client.initialize();
    return gateway;
  } catch (error) {
    await gateway.kill();
    throw error;
  }
}
