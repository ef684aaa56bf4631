import { fileURLToPath } from "node:url";
import { AgentSession } from "./agent_session.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import type { Fields } from "./raw_client.ts";
import { Setup, type SetupOptions } from "./setup.ts";
import { waitUntil } from "./wait.ts";

/** The key of the daemons that tests start themselves; that of no other file of tests, which runs at the same time. */
export const KEY = String(Deno.pid).padStart(8, "0").repeat(8);

/** A daemon, and the connections of tests to it. */
export class TestDaemon implements AsyncDisposable {
  readonly setup: Setup;
  readonly program: Program;
  readonly #connections: Program[] = [];

  constructor(setup: Setup, program: Program) {
    this.setup = setup;
    this.program = program;
  }

  /** Path of the private folder. */
  get folder(): string {
    return `${this.setup.home}/agent-mcp-gateway`;
  }

  /** Path of the socket. */
  get socket(): string {
    return `${this.folder}/${KEY.slice(0, 16)}.sock`;
  }

  /** Opens a connection. */
  open(): Program {
    const script = fileURLToPath(new URL("../fixtures/socket_pipe.ts", import.meta.url));
    const flags = ["--quiet", "--no-config", "--no-lock", "--allow-net", "--allow-read"];
    const program = new Program({
      command: Deno.execPath(),
      args: ["run", ...flags, "--allow-write", script, this.socket],
      cwd: this.setup.workingFolder,
      // Without the home folder, the connection is no process of the daemon.
      env: { ...this.setup.env, HOME: "/nowhere" },
    });
    this.#connections.push(program);
    return program;
  }

  /** Opens a connection and sends a hello; returns the connection and the answer. */
  async greet(hello: Fields): Promise<{ connection: Program; answer: Fields }> {
    const connection = this.open();
    await connection.write(`${JSON.stringify({ ...HELLO, ...hello })}\n`);
    const line = await waitUntil("the hello is answered", () => connection.lines[0]);
    return { connection, answer: JSON.parse(line) };
  }

  /** Connects a client and initializes it. */
  async connect(agent?: string): Promise<{ session: AgentSession; connection: Program }> {
    const { connection } = await this.greet(agent === undefined ? {} : { agent });
    const session = new AgentSession(connection);
    await session.client.initialize();
    return { session, connection };
  }

  /** Reads the daemon's status. */
  async readStatus(): Promise<Record<string, unknown>> {
    const { connection } = await this.greet({ action: "status" });
    const line = await waitUntil("the status is answered", () => connection.lines[1]);
    return JSON.parse(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.program.sendSignal("SIGTERM");
    await this.program.waitForEnd();
    for (const connection of this.#connections) {
      connection.sendSignal("SIGKILL");
      await connection.waitForEnd();
    }
    await this.setup.close();
  }
}

/** A hello that the daemons of tests accept. */
export const HELLO = { hello: 1, key: KEY, action: "connect", pid: Deno.pid };

/** Starts a daemon. */
export async function startDaemon(options: SetupOptions = {}): Promise<TestDaemon> {
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const setup = new Setup({
    ...options,
    env: { ...environmentWithoutDeno(GATEWAY_COMMAND), ...options.env },
  });
  // The home folder of a test can be too long for the path of a socket below the state folder.
  setup.env.XDG_RUNTIME_DIR = setup.home;
  const program = new Program({
    command,
    args: [...commandArgs, "__daemon", KEY],
    cwd: setup.workingFolder,
    env: setup.env,
  });
  const daemon = new TestDaemon(setup, program);
  await waitUntil("the daemon listens", () => {
    if (program.hasEnded) throw new Error(`The daemon ended: ${program.stderr}`);
    return program.lines.includes("ready");
  });
  return daemon;
}
