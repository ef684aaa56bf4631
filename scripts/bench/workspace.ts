import { join } from "node:path";
import { AGENT, echoCommand, type WorkspaceFiles } from "./measured_programs.ts";

/** Options of a workspace. */
export interface WorkspaceOptions {
  /** Flags of each echo server; the first server is called `echo`. Default: one without flags. */
  readonly servers?: readonly (readonly string[])[];
  /** Further entries of `mcpServers`. Default: none. */
  readonly moreServers?: Readonly<Record<string, unknown>>;
  /** The rules; by default the agent may use everything. */
  readonly rules?: unknown;
}

/** A temporary folder with the servers file and the rules file of a gateway. */
export class Workspace implements WorkspaceFiles, Disposable {
  readonly folder: string;
  readonly mcp: string;
  readonly rules: string;
  readonly audit: string;
  readonly cache: string;
  readonly servers: Readonly<Record<string, unknown>>;
  readonly firstServerCommand: readonly string[];

  constructor({ servers = [[]], moreServers, rules }: WorkspaceOptions = {}) {
    this.folder = Deno.makeTempDirSync({ prefix: "gateway-bench-" });
    this.mcp = join(this.folder, "mcp.json");
    this.rules = join(this.folder, "rules.json");
    // In a separate folder, because the gateway watches the folder of the two files.
    this.audit = join(this.folder, "logs", "audit.jsonl");
    this.cache = join(this.folder, "cache");
    Deno.mkdirSync(this.cache);
    // The programs that Deno runs find what it has compiled before.
    if (Deno.build.os !== "windows") Deno.symlinkSync(denoDir(), join(this.cache, "deno"));
    this.firstServerCommand = echoCommand(...servers[0] ?? []);
    const entries = servers.map((flags, number) => {
      const [command, ...args] = echoCommand(
        ...flags,
        // Servers with equal entries would have one catalog.
        ...number === 0 ? [] : [`--number=${number}`],
      );
      return [number === 0 ? "echo" : `echo_${number}`, { command, args }];
    });
    this.servers = { ...Object.fromEntries(entries), ...moreServers };
    writeJson(this.mcp, { mcpServers: this.servers });
    writeJson(this.rules, rules ?? { agents: { [AGENT]: { allow: { servers: ["*"] } } } });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

let cachedDenoDir: string | undefined;

function denoDir(): string {
  cachedDenoDir ??= Deno.env.get("DENO_DIR") ?? queryDenoDir();
  return cachedDenoDir;
}

function queryDenoDir(): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

function writeJson(path: string, value: unknown): void {
  Deno.writeTextFileSync(path, JSON.stringify(value));
}
