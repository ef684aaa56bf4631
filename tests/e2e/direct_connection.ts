import { Program } from "./program.ts";
import { type Fields, RawClient } from "./raw_client.ts";
import { denoDir, machineEnvironment } from "./setup.ts";

/** A direct connection of a client to a server, to compare with the gateway. Bind it with `await using`. */
export class DirectConnection implements AsyncDisposable {
  readonly client: RawClient;
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
    this.client = new RawClient(program);
  }

  /** Starts a server from its entry in `mcpServers`, and initializes it. */
  static async start(
    entry: { readonly command: string; readonly args: readonly string[] },
    capabilities: Fields = {},
  ): Promise<DirectConnection> {
    const env = { ...machineEnvironment(), DENO_DIR: denoDir(), HOME: Deno.env.get("HOME") ?? "" };
    const connection = new DirectConnection(new Program({ ...entry, cwd: Deno.cwd(), env }));
    await connection.client.initialize({ capabilities });
    return connection;
  }

  /** Returns the server's tools, from all pages of the list. */
  async listTools(): Promise<Fields[]> {
    const tools: Fields[] = [];
    let params: Fields = {};
    for (;;) {
      const { result } = await this.client.request("tools/list", params);
      tools.push(...result?.tools as Fields[]);
      if (result?.nextCursor === undefined) return tools;
      params = { cursor: result.nextCursor };
    }
  }

  /** Calls a tool, and returns the JSON text of the response message. */
  async callTool(name: string, args: Fields): Promise<string> {
    const params = JSON.stringify({ name, arguments: args });
    return (await this.client.requestText("tools/call", params)).text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.closeInput();
    this.#program.sendSignal("SIGTERM");
    await this.#program.waitForEnd();
  }
}
