import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  commandWords,
  GATEWAY_COMMAND,
  type GatewayCommand,
  shippedEnvironment,
} from "./gateway_command.ts";
import { HttpWire } from "./http_wire.ts";
import { Program } from "./program.ts";
import { type Fields, type Introduction, type Message, RawClient } from "./raw_client.ts";
import { type AuditLine, Setup, type SetupOptions, TALKATIVE } from "./setup.ts";
import { until } from "./until.ts";

/** How a client connects. */
export type Transport = "stdio" | "http";

const TRANSPORT: Transport = Deno.env.get("GATEWAY_E2E_TRANSPORT") === "http" ? "http" : "stdio";

/** How a gateway is started. */
export interface GatewayOptions extends SetupOptions {
  /** Words after the program's name. Default: `--agent tester`, unless there are rules. */
  readonly args?: readonly string[];
  /** What to start. Default: what the suite is run for. */
  readonly command?: GatewayCommand;
  /** How the client connects. Default: what `GATEWAY_E2E_TRANSPORT` says, or stdio. */
  readonly transport?: Transport;
  /** Whether the gateway's log is left unread. Default: no. */
  readonly leavesStderr?: boolean;
  /** What the client says of itself; `false` leaves the introduction to the test. */
  readonly client?: Introduction | false;
}

/** The error that a refused operation answers with. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly rule?: string;
  readonly hint?: string;
}

const ODD_SERVER = fileURLToPath(new URL("../fixtures/servers/odd_server.ts", import.meta.url));
const ODD_PERMISSIONS = ["--allow-env", "--allow-read", "--allow-write", "--allow-run=sleep"];

/** Entry of `mcpServers` for the odd server with these flags. */
export function oddServer(...flags: string[]): { command: string; args: string[] } {
  const deno = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", ...ODD_PERMISSIONS];
  return { command: Deno.execPath(), args: [...deno, ODD_SERVER, ...flags] };
}

/** Starts a gateway and introduces a client to it. Bind it with `await using`. */
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
    // The log comes by a way of its own; tests look at what it says of the start.
    if (env.GATEWAY_LOG_LEVEL === TALKATIVE.GATEWAY_LOG_LEVEL && !leavesStderr) {
      await until("the start is told", () => program.stderr.includes("Gateway is ready"));
    }
    return gateway;
  } catch (error) {
    await gateway.kill();
    throw error;
  }
}

/** Waits for a gateway to listen, and gives the address of its MCP endpoint. */
export async function listeningUrl(program: Program): Promise<string> {
  return await until(`the gateway listens: ${program.stderr}`, () => {
    if (program.hasEnded) throw new Error(`The program ended. It said:\n${program.stderr}`);
    return /Listening on (https?:\/\/\S+\/mcp)/.exec(program.stderr)?.[1];
  });
}

/** A gateway as a process, with a client that talks to it. */
export class RunningGateway implements AsyncDisposable {
  readonly setup: Setup;
  readonly program: Program;
  readonly client: RawClient;
  readonly #wire: HttpWire | undefined;
  #isOver = false;

  /** Listens to the gateway: on its output, or over HTTP. */
  constructor(setup: Setup, program: Program, wire?: HttpWire) {
    this.setup = setup;
    this.program = program;
    this.#wire = wire;
    this.client = new RawClient(wire ?? program);
  }

  /** The address of its MCP endpoint; over stdio there is none. */
  get url(): string {
    return /Listening on (https?:\/\/\S+\/mcp)/.exec(this.program.stderr)?.[1] ?? "";
  }

  /** Calls a gateway tool; fails where the call itself is answered with an error. */
  async callTool(name: string, args: Fields, meta?: Fields): Promise<Fields> {
    const _meta = meta === undefined ? {} : { _meta: meta };
    const params = { name, arguments: args, ..._meta };
    const { result, error } = await this.client.request("tools/call", params);
    assert.equal(error, undefined);
    assert.ok(result);
    return result;
  }

  /** Asks the gateway itself something, and gives what its one text block holds. */
  async ask<T>(name: string, args: Fields = {}): Promise<T> {
    // One of the answers also has structured content, for clients that take its text for that.
    const { structuredContent: _, ...result } = await this.callTool(name, args);
    return JSON.parse(onlyText(result));
  }

  /** Calls a gateway tool that must be refused, in the shape that every refusal has. */
  async refusal(name: string, args: Fields = {}): Promise<Refusal> {
    return readRefusal(await this.callTool(name, args));
  }

  /** Calls a tool of a server; what stands in `more` goes beside its arguments. */
  execute(server: string, tool: string, args: Fields = {}, more: Fields = {}): Promise<Fields> {
    return this.callTool("execute_tool", { server, tool, args, ...more });
  }

  /** Calls a tool of a server that answers with one text. */
  async text(server: string, tool: string, args: Fields = {}, more: Fields = {}): Promise<string> {
    return onlyText(await this.execute(server, tool, args, more));
  }

  /** The lines of the audit log so far. */
  audit(): AuditLine[] {
    return this.setup.audit();
  }

  /**
   * Closes the gateway's input, or over HTTP asks it to end, and checks how it ends.
   *
   * @param code The exit code that it must end with.
   */
  async end(code = 0): Promise<void> {
    if (this.#isOver) return;
    await this.#wire?.close();
    if (this.#wire === undefined) await this.program.closeInput();
    else this.program.signal("SIGTERM");
    await this.checkEnd(code);
  }

  /**
   * Waits for the end, and checks its code, that nothing is left, and all that was written.
   *
   * @param code The exit code that it must end with.
   * @param leftMs How long processes may be left after it.
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

  /** Ends everything at once. */
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

/** The text of a result that has one text block and nothing else. */
export function onlyText(result: Fields | undefined): string {
  const content = result?.content as { type: string; text: string }[];
  const text = content?.[0]?.text;
  assert.equal(typeof text, "string");
  assert.deepEqual(result, { content: [{ type: "text", text }] });
  return String(text);
}

/** The error in a result that refuses an operation. */
export function readRefusal(result: Fields | undefined): Refusal {
  const { isError, ...rest } = result ?? {};
  const { error, ...nothing } = JSON.parse(onlyText(rest));
  assert.equal(isError, true);
  assert.deepEqual(nothing, {});
  return error;
}

/** The message that answers a call of a server's tool. */
export function executeParams(server: string, tool: string, args: Fields = {}): Fields {
  return { name: "execute_tool", arguments: { server, tool, args } };
}

export type { Fields, Message };
