import {
  GATEWAY_COMMAND,
  type GatewayCommand,
  gatewayCommandLine,
  shippedEnvironment,
} from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup, type SetupOptions } from "./setup.ts";

/** Output and exit code of a program that has ended. */
export interface EndedCommand {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The folder that it ran in, which has been removed. */
  readonly workingFolder: string;
}

/** Options of the program. */
export interface RunOptions extends SetupOptions {
  readonly command?: GatewayCommand;
}

/** Runs the program with an empty input, and checks that it leaves no process. */
export async function runOnce(
  args: readonly string[],
  options: RunOptions = {},
): Promise<EndedCommand> {
  const form = options.command ?? GATEWAY_COMMAND;
  const [command, ...words] = await gatewayCommandLine(form);
  const setup = new Setup({ ...options, env: { ...shippedEnvironment(form), ...options.env } });
  const { workingFolder: folder, env } = setup;
  const program = new Program({ command, args: [...words, ...args], cwd: folder, env });
  try {
    await program.closeInput();
    const { code } = await program.waitForEnd();
    return {
      code,
      stdout: program.lines.join("\n"),
      stderr: program.stderr,
      workingFolder: folder,
    };
  } finally {
    program.sendSignal("SIGKILL");
    await setup.close();
  }
}
