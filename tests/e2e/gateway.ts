import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AgentSession } from "./agent_session.ts";
import {
  environmentWithoutDeno,
  GATEWAY_COMMAND,
  type GatewayCommand,
  gatewayCommandLine,
} from "./gateway_command.ts";
import { HttpTransport } from "./http_transport.ts";
import { type OutputStream, Program } from "./program.ts";
import type { Fields, InitializeParams, Message } from "./raw_client.ts";
import { type AuditLine, INFO_LOG_ENV, Setup, type SetupOptions } from "./setup.ts";
import { waitUntil } from "./wait.ts";

/** Transport over which a client connects to the gateway. */
export type TransportKind = "stdio" | "http";

const TRANSPORT: TransportKind = Deno.env.get("GATEWAY_E2E_TRANSPORT") === "http"
  ? "http"
  : "stdio";

/** Options of a gateway under test. */
export interface GatewayOptions extends SetupOptions {
  /** Command line arguments. Default: `--agent tester`, unless there are rules. */
  readonly args?: readonly string[];
  /** The program to run. Default: the program that the suite runs on. */
  readonly command?: GatewayCommand;
  /** Default: `GATEWAY_E2E_TRANSPORT`, or stdio. */
  readonly transport?: TransportKind;
  /** The stream of the gateway that stays unread until `readUnread` is called. */
  readonly unread?: OutputStream;
  /** Parameters of `initialize`; `false` if the test calls `initialize` itself. */
  readonly initialize?: InitializeParams | false;
}

const FIXTURE_PERMISSIONS = [
  "--allow-env",
  "--allow-read",
  "--allow-write",
  "--allow-run=sleep",
];

/** Entry of `mcpServers` for `odd_server.ts`; the head of that file describes the flags that make it misbehave. */
export function misbehavingServer(...flags: string[]): { command: string; args: string[] } {
  return fixtureServer("odd_server.ts", flags);
}

/** Entry of `mcpServers` for `offering_server.ts`; the head of that file describes the flags. */
export function offeringServer(...flags: string[]): { command: string; args: string[] } {
  return fixtureServer("offering_server.ts", flags);
}

/** Entry of `mcpServers` for `conformance_server.ts`; the head of that file describes the flags. */
export function conformanceServer(...flags: string[]): { command: string; args: string[] } {
  return fixtureServer("conformance_server.ts", flags);
}

/** Entry of `mcpServers` for `recorded_server.ts`, whose tools return the results in a folder. */
export function recordedServer(folder: string): { command: string; args: string[] } {
  return fixtureServer("recorded_server.ts", [folder]);
}

function fixtureServer(
  fileName: string,
  flags: readonly string[],
): { command: string; args: string[] } {
  const program = fileURLToPath(new URL(`../fixtures/servers/${fileName}`, import.meta.url));
  const denoFlags = ["--quiet", "--no-prompt", "--no-config", "--no-lock", ...FIXTURE_PERMISSIONS];
  return { command: Deno.execPath(), args: ["run", ...denoFlags, program, ...flags] };
}

/** Starts a gateway and initializes its client. Declare the result with `await using`, which ends the gateway. */
export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const { args = options.rules === undefined ? ["--agent", "tester"] : [] } = options;
  const { transport = TRANSPORT } = options;
  const gatewayCommand = options.command ?? GATEWAY_COMMAND;
  const [command, ...commandArgs] = await gatewayCommandLine(gatewayCommand);
  const defaultEnv = { ...environmentWithoutDeno(gatewayCommand), ...INFO_LOG_ENV };
  const setup = new Setup({ ...options, env: { ...defaultEnv, ...options.env } });
  const { workingFolder: cwd, env } = setup;
  const { unread } = options;
  const httpArgs = transport === "http" ? ["--transport", "http", "--port", "0"] : [];
  const program = new Program({
    command,
    args: [...commandArgs, ...args, ...httpArgs],
    cwd,
    env,
    ...(unread === undefined ? {} : { unread }),
  });
  let httpTransport: HttpTransport | undefined;
  if (transport === "http") {
    const url = await waitForListeningUrl(program);
    httpTransport = new HttpTransport({ url, stderr: () => program.stderr });
  }
  const gateway = new RunningGateway(setup, program, httpTransport);
  if (options.initialize === false) return gateway;
  try {
    await gateway.client.initialize(options.initialize);
    // Tests read the log messages about the start, which can arrive after the answer to initialize.
    if (env.GATEWAY_LOG_LEVEL === INFO_LOG_ENV.GATEWAY_LOG_LEVEL && unread !== "stderr") {
      await waitUntil("the start is logged", () => program.stderr.includes("Gateway is ready"));
    }
    return gateway;
  } catch (error) {
    await gateway.kill();
    throw error;
  }
}

/** Waits until a gateway listens, and returns the URL of its MCP endpoint. */
export async function waitForListeningUrl(program: Program): Promise<string> {
  return await waitUntil(`the gateway listens: ${program.stderr}`, () => {
    if (program.hasEnded) {
      throw new Error(`The program ended. Its standard error was:\n${program.stderr}`);
    }
    return /Listening on (https?:\/\/\S+\/mcp)/.exec(program.stderr)?.[1];
  });
}

/** A gateway process with a connected client. */
export class RunningGateway extends AgentSession implements AsyncDisposable {
  readonly setup: Setup;
  readonly program: Program;
  readonly #httpTransport: HttpTransport | undefined;
  #hasEnded = false;

  /** Connects a client to the gateway: over HTTP if there is an HTTP transport, or over stdio. */
  constructor(setup: Setup, program: Program, httpTransport?: HttpTransport) {
    super(httpTransport ?? program);
    this.setup = setup;
    this.program = program;
    this.#httpTransport = httpTransport;
  }

  /** URL of the MCP endpoint; empty over stdio. */
  get url(): string {
    return /Listening on (https?:\/\/\S+\/mcp)/.exec(this.program.stderr)?.[1] ?? "";
  }

  /** Returns the entries of the audit log so far. */
  readAuditLog(): AuditLine[] {
    return this.setup.readAuditLog();
  }

  /**
   * Ends the gateway by closing its input, or with SIGTERM over HTTP, and checks how it ends.
   *
   * @param code The expected exit code.
   */
  async end(code = 0): Promise<void> {
    if (this.#hasEnded) return;
    await this.#httpTransport?.close();
    if (this.#httpTransport === undefined) await this.program.closeInput();
    else this.program.sendSignal("SIGTERM");
    await this.checkEnd(code);
  }

  /**
   * Waits until the gateway ends. Checks its exit code, that none of its processes is left, and that its output
   * was JSON-RPC only.
   *
   * @param code The expected exit code.
   * @param cleanupMs Maximum time until the gateway's other processes have ended, too.
   */
  async checkEnd(code: number, cleanupMs?: number): Promise<void> {
    try {
      const status = await this.program.waitForEnd();
      this.#hasEnded = true;
      assert.equal(status.code, code, this.program.stderr);
    } catch (error) {
      await this.kill();
      throw error;
    }
    await this.setup.close(cleanupMs);
    assert.deepEqual(this.client.malformedLines, [], "standard output holds JSON-RPC only");
  }

  /** Kills the gateway and removes its folder. */
  async kill(): Promise<void> {
    await this.#httpTransport?.close();
    this.program.sendSignal("SIGKILL");
    await this.program.waitForEnd();
    this.#hasEnded = true;
    await this.setup.close().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

export type { Fields, Message };
export { executeToolParams, readRefusal, readSingleText, type Refusal } from "./agent_session.ts";
