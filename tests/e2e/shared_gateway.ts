import { AgentSession } from "./agent_session.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import type { InitializeParams } from "./raw_client.ts";
import { Setup, type SetupOptions } from "./setup.ts";
import { waitUntil } from "./wait.ts";

/** The start of one relay. */
export interface RelayOptions {
  /** Arguments besides `--shared`; default: `--agent tester`. */
  readonly args?: readonly string[];
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Changes the words of the command, such as its permissions. */
  readonly words?: (word: string) => string;
  /** Default: that of the setup. */
  readonly cwd?: string;
  /** Parameters of `initialize`; `false` if the test calls `initialize` itself. */
  readonly initialize?: InitializeParams | false;
}

/** A relay with its client. */
export class RelaySession extends AgentSession {
  readonly program: Program;

  constructor(program: Program) {
    super(program);
    this.program = program;
  }
}

/** The clients of shared gateways with one home folder, whose daemons end with their last client. */
export class SharedGateway implements AsyncDisposable {
  readonly setup: Setup;
  readonly #commandLine: readonly string[];
  readonly #programs: Program[] = [];

  constructor(setup: Setup, commandLine: readonly string[]) {
    this.setup = setup;
    this.#commandLine = commandLine;
  }

  /** Path of the private folder. */
  get folder(): string {
    return `${this.setup.home}/agent-mcp-gateway`;
  }

  /** Starts a relay. */
  start(
    { args = ["--agent", "tester"], env = {}, words = (word) => word, cwd }: RelayOptions = {},
  ): Program {
    const [command = "", ...commandArgs] = this.#commandLine;
    const program = new Program({
      command,
      args: [...commandArgs.map(words), "--shared", ...args],
      cwd: cwd ?? this.setup.workingFolder,
      env: { ...this.setup.env, ...env },
    });
    this.#programs.push(program);
    return program;
  }

  /** Starts a relay and initializes its client. */
  async connect(options: RelayOptions = {}): Promise<RelaySession> {
    const session = new RelaySession(this.start(options));
    if (options.initialize !== false) await session.client.initialize(options.initialize);
    return session;
  }

  /** Returns the process ids of the daemons. Empty except on Linux. */
  async listDaemonIds(): Promise<number[]> {
    const script = 'grep -lzsxF -- "__daemon" /proc/[0-9]*/cmdline';
    const { stdout } = await new Deno.Command("sh", { args: ["-c", script], stdin: "null" })
      .output();
    const daemons = [...new TextDecoder().decode(stdout).matchAll(/\d+/g)].map(Number);
    const own = await this.setup.listProcessIds();
    return daemons.filter((pid) => own.includes(pid));
  }

  /** Returns the id of the only daemon. */
  async daemonId(): Promise<number> {
    const [pid, ...others] = await this.listDaemonIds();
    if (pid === undefined || others.length > 0) {
      throw new Error(`Expected one daemon, found ${[pid, ...others].join()}`);
    }
    return pid;
  }

  /** Kills the only daemon, and waits until it is gone. */
  async killDaemon(): Promise<void> {
    const pid = await this.daemonId();
    Deno.kill(pid, "SIGKILL");
    await waitUntil("the daemon is gone", async () => !(await this.listDaemonIds()).includes(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program.closeInput();
    for (const program of this.#programs) await program.waitForEnd();
    await this.setup.close();
  }
}

/** Prepares the files of a shared gateway; starts no process. */
export async function prepareShared(options: SetupOptions = {}): Promise<SharedGateway> {
  const commandLine = await gatewayCommandLine(GATEWAY_COMMAND);
  const setup = new Setup({
    ...options,
    env: { ...environmentWithoutDeno(GATEWAY_COMMAND), GATEWAY_LINGER_S: "0", ...options.env },
  });
  // The home folder of a test can be too long for the path of a socket below the state folder.
  setup.env.XDG_RUNTIME_DIR ??= setup.home;
  return new SharedGateway(setup, commandLine);
}

/** Whether there is a process with an id. */
export function isRunning(pid: number): boolean {
  try {
    Deno.kill(pid, 0 as unknown as Deno.Signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether the tests run as root, who may give folders to others. */
export function isRoot(): boolean {
  const path = Deno.makeTempFileSync();
  const { uid } = Deno.statSync(path);
  Deno.removeSync(path);
  return uid === 0;
}
