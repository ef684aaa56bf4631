import { Program } from "../e2e/program.ts";
import {
  environmentWithoutDeno,
  GATEWAY_COMMAND,
  type GatewayCommand,
  gatewayCommandLine,
} from "../e2e/gateway_command.ts";
import type { EndedCommand } from "../e2e/run_once.ts";
import { Setup, type SetupOptions } from "../e2e/setup.ts";

/** Runs the gateway's command in a new folder, as a shell does. Bind it with `await using`. */
export class Shell implements AsyncDisposable {
  readonly setup: Setup;
  readonly #command: GatewayCommand;

  /** @param command The command to run; by default the one under test. */
  constructor(options: SetupOptions = {}, command: GatewayCommand = GATEWAY_COMMAND) {
    const env = { ...environmentWithoutDeno(command), ...options.env };
    this.setup = new Setup({ ...options, env });
    this.#command = command;
  }

  /** Starts the program. */
  async start(...args: string[]): Promise<Program> {
    const [command, ...commandArgs] = await gatewayCommandLine(this.#command);
    const { workingFolder: cwd, env } = this.setup;
    return new Program({ command, args: [...commandArgs, ...args], cwd, env });
  }

  /** Runs the program with an input until it ends. */
  async run(args: readonly string[], input = ""): Promise<EndedCommand> {
    const program = await this.start(...args);
    try {
      if (input !== "") await program.write(input);
      await program.closeInput();
      const { code } = await program.waitForEnd();
      return {
        code,
        stdout: program.lines.join("\n"),
        stderr: program.stderr,
        workingFolder: this.setup.workingFolder,
      };
    } finally {
      program.sendSignal("SIGKILL");
    }
  }

  /** Runs a bash script in which `$@` is the program, and returns all of its output. */
  async bash(script: string): Promise<string> {
    const { stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", script, "bash", ...await gatewayCommandLine(this.#command)],
      cwd: this.setup.workingFolder,
      env: this.setup.env,
      clearEnv: true,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return decoder.decode(stdout) + decoder.decode(stderr);
  }

  /** Deletes the folder; throws if a process of the program is still running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.setup.close();
  }
}

/** Whether a test cannot run a program at a terminal, which the command `script` of util-linux provides. */
export const HAS_NO_TERMINAL = !await isUtilLinuxInstalled();

async function isUtilLinuxInstalled(): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command("script", { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).includes("util-linux");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs the program with arguments at a terminal of 60 columns, and returns the output of the terminal. */
export async function runAtTerminal(shell: Shell, args: string): Promise<string> {
  return await shell.bash([
    'printf "%q " "$@" >program',
    `script -qec "stty cols 60; $(cat program) ${args}" /dev/null`,
  ].join("\n"));
}
