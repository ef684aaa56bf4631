import {
  environmentWithoutDeno,
  GATEWAY_COMMAND,
  type GatewayCommand,
  gatewayCommandLine,
} from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup, type SetupOptions } from "./setup.ts";

/** Exit code and output of a command that has ended. */
export interface EndedCommand {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The folder in which the command ran; it has been removed. */
  readonly workingFolder: string;
}

/** Options of `runOnce`. */
export interface RunOptions extends SetupOptions {
  /** The command that starts the gateway; default: the one under test. */
  readonly command?: GatewayCommand;
}

/** Runs the gateway's command with an empty input until it ends, and checks that no process is left. */
export async function runOnce(
  args: readonly string[],
  options: RunOptions = {},
): Promise<EndedCommand> {
  const gatewayCommand = options.command ?? GATEWAY_COMMAND;
  const [command, ...commandArgs] = await gatewayCommandLine(gatewayCommand);
  const setup = new Setup({
    ...options,
    env: { ...environmentWithoutDeno(gatewayCommand), ...options.env },
  });
  const { workingFolder: folder, env } = setup;
  const program = new Program({ command, args: [...commandArgs, ...args], cwd: folder, env });
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
