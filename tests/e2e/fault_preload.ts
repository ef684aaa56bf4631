import { fileURLToPath } from "node:url";
import { RunningGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup, type SetupOptions } from "./setup.ts";

/** Path of the module that throws an exception on SIGUSR2. */
export const EXCEPTION_MODULE: string = fileURLToPath(
  new URL("./fault_exception.ts", import.meta.url),
);

/** Path of the module that prints the memory of its process on SIGUSR2. */
export const MEMORY_MODULE: string = fileURLToPath(new URL("./fault_memory.ts", import.meta.url));

/** Whether the gateway under test cannot preload modules; only its forms `source` and `bundle` can. */
export const cannotPreload: boolean = !["source", "bundle"].includes(GATEWAY_COMMAND);

/** Changes the command line that starts the gateway. */
export type CommandLineWrapper = (commandLine: readonly string[]) => readonly string[];

/** Makes Deno load a module into the gateway's process before the gateway. */
export function withPreload(module: string): CommandLineWrapper {
  return ([deno = "", run = "", ...args]) => [deno, run, "--preload", module, ...args];
}

/** Starts a gateway with a changed command line, but does not initialize its client. */
export async function startWrapped(
  setup: Setup,
  wrap: CommandLineWrapper = (commandLine) => commandLine,
): Promise<RunningGateway> {
  const [command = "", ...args] = wrap(await gatewayCommandLine(GATEWAY_COMMAND));
  const program = new Program({ command, args, cwd: setup.workingFolder, env: setup.env });
  return new RunningGateway(setup, program);
}

/** Starts a gateway with a preloaded module, and initializes its client. */
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
