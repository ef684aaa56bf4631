import { fileURLToPath } from "node:url";
import { TempFolder } from "../config/temp_folder.ts";
import {
  type Fields,
  type GatewayOptions,
  readRefusal,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import { type EndedCommand, runOnce } from "./run_once.ts";

const SERVER = fileURLToPath(new URL("../fixtures/servers/catalog_server.ts", import.meta.url));

/** Creates the definition of a tool. */
export function createTool(name: string, fields: Fields = {}): Fields {
  return { name, description: `The tool ${name}`, inputSchema: { type: "object" }, ...fields };
}

/** A tool with which the server reads its lists again. */
export const CHANGE: Fields = createTool("change");

/** The server `pinned`, the rules and the lock file beside them, for gateways and commands one after the other. */
export class PinFixture implements Disposable {
  readonly root: TempFolder = new TempFolder();
  /** The entry of the server `pinned`. */
  entry: Fields;

  constructor(catalog: Fields, { rules }: { rules?: Fields } = {}) {
    this.setCatalog(catalog);
    this.root.write("server/journal", "");
    this.root.write(
      "rules.json",
      rules ?? { agents: { tester: { allow: { servers: ["*"] }, status: true } } },
    );
    const folder = `${this.root.path}/server`;
    const denoArgs = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"];
    const permissions = [`--allow-read=${folder}`, `--allow-write=${folder}`];
    const args = [...denoArgs, ...permissions, SERVER, folder];
    this.entry = { command: Deno.execPath(), args };
  }

  get #setup(): GatewayOptions {
    return {
      servers: { pinned: this.entry },
      rules: false,
      env: {
        XDG_CACHE_HOME: `${this.root.path}/cache`,
        GATEWAY_RULES: `${this.root.path}/rules.json`,
      },
    };
  }

  /** Path of the lock file. */
  get lockPath(): string {
    return `${this.root.path}/.mcp-gateway-lock.json`;
  }

  /** Changes what the server lists from its next start on, or when its tool `change` is called. */
  setCatalog(catalog: Fields): void {
    this.root.write("server/catalog.json", catalog);
  }

  /** The starts of the server, and the requests that it received. */
  get journal(): string[] {
    return Deno.readTextFileSync(`${this.root.path}/server/journal`).split("\n").slice(0, -1);
  }

  /** Starts a gateway with the server. */
  start(options: GatewayOptions = {}): Promise<RunningGateway> {
    const setup = this.#setup;
    const env = { ...setup.env, ...options.env };
    const defaults = { transport: "stdio", args: ["--agent", "tester"] } as const;
    return startGateway({ ...defaults, ...setup, ...options, env });
  }

  /** Runs a command of the gateway until it ends. */
  run(...args: readonly string[]): Promise<EndedCommand> {
    return runOnce(args, this.#setup);
  }

  /** Pins the server as it is, and then changes its catalog. */
  async pin(next?: Fields): Promise<void> {
    const { code, stderr } = await this.run("pin");
    if (code !== 0) throw new Error(stderr);
    if (next !== undefined) this.setCatalog(next);
  }

  [Symbol.dispose](): void {
    this.root[Symbol.dispose]();
  }
}

/** Returns the names of the tools that a gateway shows of the server. */
export async function listShown(gateway: RunningGateway, args: Fields = {}): Promise<string[]> {
  const { tools } = await gateway.callGatewayToolForJson<{ tools: Fields[] }>("get_server_tools", {
    server: "pinned",
    ...args,
  });
  return tools.map(({ name }) => String(name));
}

/** Calls a tool of the server `pinned`, and returns the refusal; empty if the call succeeded. */
export async function refusalOf(gateway: RunningGateway, tool: string): Promise<Fields> {
  const result = await gateway.callServerTool("pinned", tool);
  return result.isError === true ? readRefusal(result) as unknown as Fields : {};
}
