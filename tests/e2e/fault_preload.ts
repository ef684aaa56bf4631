import { fileURLToPath } from "node:url";
import { RunningGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup, type SetupOptions } from "./setup.ts";

/** Throws an exception on a signal. */
export const EXCEPTION_MODULE: string = fileURLToPath(
  new URL("./fault_exception.ts", import.meta.url),
);

/** Prints its memory use on a signal. */
export const MEMORY_MODULE: string = fileURLToPath(new URL("./fault_memory.ts", import.meta.url));

/** Whether the gateway is an executable, which cannot preload modules. */
export const cannotPreload: boolean = !["source", "bundle"].includes(GATEWAY_COMMAND);

/** Changes the command line that starts the gateway. */
export type CommandLineWrapper = (words: readonly string[]) => readonly string[];

/** Preloads a module into the gateway's process, without the gateway's knowledge. */
export function withPreload(module: string): CommandLineWrapper {
  return ([deno = "", run = "", ...words]) => [deno, run, "--preload", module, ...words];
}

/** Starts a gateway with a changed command line. */
export async function startWrapped(
  setup: Setup,
  wrap: CommandLineWrapper = (words) => words,
): Promise<RunningGateway> {
  const [command = "", ...args] = wrap(await gatewayCommandLine(GATEWAY_COMMAND));
  const program = new Program({ command, args, cwd: setup.workingFolder, env: setup.env });
  return new RunningGateway(setup, program);
}

/** Starts a gateway with a preloaded module, and initializes it. */
export async function startPreloaded(
  module: string,
  options: SetupOptions,
): Promise<RunningGateway> {
  const gateway = await startWrapped(new Setup(options), withPreload(module));
  try {
    await gateway.client.initialize();
    return gateway;
  } catch (error) {
    await gateway.kill();
    throw error;
  }
}
