import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AgentSession } from "./agent_session.ts";
import {
  commandWords,
  GATEWAY_COMMAND,
  type GatewayCommand,
  shippedEnvironment,
} from "./gateway_command.ts";
import { HttpWire } from "./http_wire.ts";
import { Program } from "./program.ts";
import type { Fields, Introduction, Message } from "./raw_client.ts";
import { type AuditLine, Setup, type SetupOptions, TALKATIVE } from "./setup.ts";
import { until } from "./until.ts";

/** Transport of a client's connection. */
export type Transport = "stdio" | "http";

const TRANSPORT: Transport = Deno.env.get("GATEWAY_E2E_TRANSPORT") === "http" ? "http" : "stdio";

/** Options of a gateway under test. */
export interface GatewayOptions extends SetupOptions {
  /** Command line arguments. Default: `--agent tester`, unless there are rules. */
  readonly args?: readonly string[];
  /** Form of the program. Default: the one that the suite runs on. */
  readonly command?: GatewayCommand;
  /** Default: `GATEWAY_E2E_TRANSPORT`, or stdio. */
  readonly transport?: Transport;
  /** Whether standard error is left unread. Default: no. */
  readonly leavesStderr?: boolean;
  /** Parameters of `initialize`; `false` if the test initializes by itself. */
  readonly client?: Introduction | false;
}

const ODD_SERVER = fileURLToPath(new URL("../fixtures/servers/odd_server.ts", import.meta.url));
const ODD_PERMISSIONS = ["--allow-env", "--allow-read", "--allow-write", "--allow-run=sleep"];

/** Entry of `mcpServers` for the odd server with these flags. */
export function oddServer(...flags: string[]): { command: string; args: string[] } {
  const deno = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", ...ODD_PERMISSIONS];
  return { command: Deno.execPath(), args: [...deno, ODD_SERVER, ...flags] };
}

/** Starts a gateway and initializes a client. Bind it with `await using`. */
export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const { args = options.rules === undefined ? ["--agent", "tester"] : [] } = options;
  const { transport = TRANSPORT } = options;
  const form = options.command ?? GATEWAY_COMMAND;
  const [command, ...words] = await commandWords(form);
  const known = { ...shippedEnvironment(form), ...TALKATIVE };
  const setup = new Setup({ ...options, env: { ...known, ...options.env } });
  const { folder: cwd, env } = setup;
  const { leavesStderr = false } = options;
  const http = transport === "http" ? ["--transport", "http", "--port", "0"] : [];
  const program = new Program({
    command,
    args: [...words, ...args, ...http],
    cwd,
    env,
    leavesStderr,
  });
  let wire: HttpWire | undefined;
  if (transport === "http") {
    const url = await listeningUrl(program);
    wire = new HttpWire({ url, stderr: () => program.stderr });
  }
  const gateway = new RunningGateway(setup, program, wire);
  if (options.client === false) return gateway;
  try {
    await gateway.client.initialize(options.client);
    // The log has a pipe of its own; tests read its messages about the start.
    if (env.GATEWAY_LOG_LEVEL === TALKATIVE.GATEWAY_LOG_LEVEL && !leavesStderr) {
      await until("the start is logged", () => program.stderr.includes("Gateway is ready"));
    }
    return gateway;
  } catch (error) {
    await gateway.kill();
    throw error;
  }
}

/** Waits until a gateway listens, and returns the URL of its MCP endpoint. */
export async function listeningUrl(program: Program): Promise<string> {
  return await until(`the gateway listens: ${program.stderr}`, () => {
    if (program.hasEnded) throw new Error(`The program ended. It said:\n${program.stderr}`);
    return /Listening on (https?:\/\/\S+\/mcp)/.exec(program.stderr)?.[1];
  });
}

/** A gateway process with a connected client. */
export class RunningGateway extends AgentSession implements AsyncDisposable {
  readonly setup: Setup;
  readonly program: Program;
  readonly #wire: HttpWire | undefined;
  #isOver = false;

  /** Connects a client to the gateway: on its output, or over HTTP. */
  constructor(setup: Setup, program: Program, wire?: HttpWire) {
    super(wire ?? program);
    this.setup = setup;
    this.program = program;
    this.#wire = wire;
  }

  /** URL of the MCP endpoint; throws over stdio. */
  get url(): string {
    return /Listening on (https?:\/\/\S+\/mcp)/.exec(this.program.stderr)?.[1] ?? "";
  }

  /** The audit log so far. */
  audit(): AuditLine[] {
    return this.setup.audit();
  }

  /**
   * Closes the gateway's input, or over HTTP sends a signal, and checks how the gateway ends.
   *
   * @param code The expected exit code.
   */
  async end(code = 0): Promise<void> {
    if (this.#isOver) return;
    await this.#wire?.close();
    if (this.#wire === undefined) await this.program.closeInput();
    else this.program.signal("SIGTERM");
    await this.checkEnd(code);
  }

  /**
   * Waits for the end. Checks the exit code, that no process is left, and the output.
   *
   * @param code The expected exit code.
   * @param leftMs Maximum time that processes may be left after the end.
   */
  async checkEnd(code: number, leftMs?: number): Promise<void> {
    try {
      const status = await this.program.ended();
      this.#isOver = true;
      assert.equal(status.code, code, this.program.stderr);
    } catch (error) {
      await this.kill();
      throw error;
    }
    await this.setup.close(leftMs);
    assert.deepEqual(this.client.malformed, [], "standard output holds JSON-RPC only");
  }

  /** Kills the gateway. */
  async kill(): Promise<void> {
    await this.#wire?.close();
    this.program.signal("SIGKILL");
    await this.program.ended();
    this.#isOver = true;
    await this.setup.close().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

export type { Fields, Message };
export { executeParams, onlyText, readRefusal, type Refusal } from "./agent_session.ts";
