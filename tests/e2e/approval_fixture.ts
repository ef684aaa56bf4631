/** A gateway whose rules ask about the tools of a server, and the shell of the person who is asked. */
import assert from "node:assert/strict";
import { describeStdioServer, type Era, type EraServer, readEffects } from "./eras_servers.ts";
import { type RunningGateway, startGateway, type TransportKind } from "./gateway.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import type { Fields } from "./raw_client.ts";
import type { EndedCommand } from "./run_once.ts";
import { waitUntil } from "./wait.ts";

/** A request as `approvals --json` prints it. */
export interface PrintedRequest extends Fields {
  readonly approval_id: string;
  readonly state: string;
  readonly agent: string;
  readonly tool: string;
  readonly args: Fields;
}

/** Options of the fixture. */
export interface ApprovalOptions {
  /** `defaults.approval` of the rules. */
  readonly times?: Fields;
  /** Further members of the rules of the agent `writer`. */
  readonly rules?: Fields;
  readonly transport?: TransportKind;
  /** Era of the server `notes`. Default: earlier. */
  readonly era?: Era;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether a client of the earlier revisions, without capabilities, is connected. Default: yes. */
  readonly initialize?: false;
}

/** Rules that ask about the tools of the server `notes`. */
export function askRules({ times, rules = {} }: Pick<ApprovalOptions, "times" | "rules"> = {}) {
  return {
    agents: {
      writer: {
        allow: { servers: ["notes"] },
        ask: { tools: { notes: ["*"] } },
        ...rules,
      },
    },
    ...(times === undefined ? {} : { defaults: { approval: times } }),
  };
}

/** A gateway with a server `notes`, the calls of which are recorded. */
export class ApprovalFixture implements AsyncDisposable {
  readonly folder: string;
  readonly server: EraServer;
  readonly gateway: RunningGateway;

  private constructor(folder: string, server: EraServer, gateway: RunningGateway) {
    this.folder = folder;
    this.server = server;
    this.gateway = gateway;
  }

  static async start(options: ApprovalOptions = {}): Promise<ApprovalFixture> {
    const { transport = "stdio", era = "earlier", env = {}, initialize } = options;
    const folder = Deno.makeTempDirSync();
    const server = describeStdioServer(era, folder, { name: "notes" });
    const gateway = await startGateway({
      transport,
      servers: { notes: server.entry },
      rules: askRules(options),
      args: ["--agent", "writer"],
      env,
      ...(initialize === undefined ? {} : { initialize }),
    });
    return new ApprovalFixture(folder, server, gateway);
  }

  /** Folder of the mailbox. */
  get mailbox(): string {
    return `${this.gateway.setup.home}/.local/state/agent-mcp-gateway/approvals`;
  }

  /** Calls the tool `plain`, which changes something. */
  call(id: string, args: Fields = {}): Promise<Fields> {
    return this.gateway.callServerTool("notes", "plain", { id, ...args });
  }

  /** Returns how often a call with an id has changed something. */
  effects(id: string): number {
    return readEffects(this.server, id).length;
  }

  /** Runs a command at a shell of the same user. */
  async shell(...args: string[]): Promise<EndedCommand> {
    const { env, workingFolder } = this.gateway.setup;
    return await runShell({ env, cwd: workingFolder }, args);
  }

  /** Allows a call at the shell. */
  async allow(id: string, ...flags: string[]): Promise<void> {
    const { code, stderr } = await this.shell("approvals", "allow", id, ...flags);
    assert.equal(code, 0, stderr);
  }

  /** Lists the requests at the shell. */
  async requests(): Promise<PrintedRequest[]> {
    const { stdout, stderr, code } = await this.shell("approvals", "--json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  }

  /** Waits until a number of requests wait at the shell. */
  async waiting(count = 1): Promise<PrintedRequest[]> {
    return await waitUntil(`${count} requests wait`, () => {
      const names = listMailbox(this.mailbox);
      return names.filter((name) => name.endsWith(".pending")).length === count && names;
    }).then(async () => (await this.requests()).filter(({ state }) => state === "pending"));
  }

  /** Waits until the audit log has the end of an operation. */
  audited(code?: string) {
    return waitUntil("the operation is in the audit log", () => {
      return this.gateway.readAuditLog().findLast((line) => {
        return line.operation === "execute_tool" && (code === undefined || line.code === code);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Returns the names of the files in a mailbox. */
export function listMailbox(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Runs the program in the environment of a setup until it ends. */
export async function runShell(
  { env, cwd }: { readonly env: Record<string, string>; readonly cwd: string },
  args: readonly string[],
): Promise<EndedCommand> {
  const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
  const program = new Program({
    command,
    args: [...commandArgs, ...args],
    cwd,
    env: { ...environmentWithoutDeno(GATEWAY_COMMAND), ...env },
  });
  try {
    await program.closeInput();
    const { code } = await program.waitForEnd();
    return {
      code,
      stdout: program.lines.join("\n"),
      stderr: program.stderr,
      workingFolder: cwd,
    };
  } finally {
    program.sendSignal("SIGKILL");
  }
}
