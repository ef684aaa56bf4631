import { join } from "node:path";
import type { StdioConfig } from "../../src/config/mod.ts";
import { type DirectStart, findDirectStart } from "../../src/downstream/direct_start/mod.ts";

/** The name and version of the package that the registry of the fixture has. */
export const SPEC = "@tests/printing-server@1.2.3";

/** The start of a process, as the process itself sees it. */
export interface PrintedStart {
  readonly argv: readonly string[];
  readonly execPath: string;
  readonly cwd: string;
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
  /** The text in the package's file `marker.js`. */
  readonly marker: string;
}

/** A folder in the home folder, and further variables. */
export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: string;
}

/** A program that prints its start, or serves MCP with a tool that returns the same. */
const PROGRAM = `#!/usr/bin/env node
const marker = require("./marker.js");
const { argv, execPath, env, pid } = process;
const start = JSON.stringify({ argv, execPath, cwd: process.cwd(), env, pid, marker });
const answer = ({ method, params }) => {
  if (method === "initialize") {
    return {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "printing", version: "1.2.3" },
    };
  }
  if (method === "tools/list") return { tools: [{ name: "start", inputSchema: { type: "object" } }] };
  return { content: [{ type: "text", text: start }] };
};
if (argv.includes("--serve")) {
  require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const message = JSON.parse(line);
    if (message.id === undefined) return;
    const known = /^(?:initialize|ping|tools\\/(?:list|call))$/.test(message.method);
    const reply = known ? { result: answer(message) } : { error: { code: -32601, message: "unknown" } };
    process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...reply }) + "\\n");
  });
} else console.log(start);
`;

/** The name, the programs and the marker of the fixture's package. */
const MANIFEST = {
  name: "@tests/printing-server",
  version: "1.2.3",
  bin: { "printing-server": "dist/program.js", "other-program": "dist/other.js" },
};

/** Writes the fixture's package into a folder. */
export async function writePackage(folder: string, marker: string): Promise<void> {
  await Deno.mkdir(join(folder, "dist"), { recursive: true });
  await Deno.writeTextFile(join(folder, "package.json"), JSON.stringify(MANIFEST));
  for (const name of ["program.js", "other.js"]) {
    await Deno.writeTextFile(join(folder, "dist", name), PROGRAM, { mode: 0o755 });
  }
  await Deno.writeTextFile(join(folder, "dist/marker.js"), `module.exports = "${marker}";`);
}

/** A home folder whose npm uses a registry of this process, with one package. */
export class NpxFixture implements AsyncDisposable {
  /** The folder that holds everything, without links. */
  readonly root: string;
  readonly #registry: Deno.HttpServer<Deno.NetAddr>;

  private constructor(root: string, registry: Deno.HttpServer<Deno.NetAddr>) {
    this.root = root;
    this.#registry = registry;
  }

  /** Creates the folder and the registry, and lets npx install the package. */
  static async install(): Promise<NpxFixture> {
    const root = await Deno.realPath(await Deno.makeTempDir());
    for (const folder of ["home", "work", "pack/package"]) {
      await Deno.mkdir(join(root, folder), { recursive: true });
    }
    await writePackage(join(root, "pack/package"), "registry");
    const archive = join(root, "pack/package.tgz");
    const { success } = await new Deno.Command("tar", {
      args: ["-czf", archive, "-C", join(root, "pack"), "package"],
    }).output();
    if (!success) throw new Error("tar failed");
    const bytes = await Deno.readFile(archive);
    const integrity = `sha512-${
      new Uint8Array(await crypto.subtle.digest("SHA-512", bytes)).toBase64()
    }`;
    const registry = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => {
        if (request.url.endsWith(".tgz")) return new Response(bytes);
        if (!/printing-server$/.test(request.url)) return new Response("{}", { status: 404 });
        const tarball = `${request.url}/printing-server-1.2.3.tgz`;
        const versions = { "1.2.3": { ...MANIFEST, dist: { tarball, integrity } } };
        return Response.json({ name: MANIFEST.name, "dist-tags": { latest: "1.2.3" }, versions });
      },
    );
    const fixture = new NpxFixture(root, registry);
    await fixture.launch(["-y", SPEC]);
    await copy(join(root, "home"), join(root, "spare"));
    return fixture;
  }

  /** The folder of the cache. */
  get cache(): string {
    return join(this.root, "home/.npm");
  }

  /** The folder in which npx has installed the package. */
  get installed(): string {
    const [entry] = Deno.readDirSync(join(this.cache, "_npx"));
    return join(this.cache, "_npx", entry?.name ?? "");
  }

  /** Returns a server's connection and the environment of its command. */
  entry(args: readonly string[], options: StartOptions = {}): {
    readonly connection: StdioConfig;
    readonly env: Readonly<Record<string, string>>;
  } {
    const { command = "npx", cwd = "work" } = options;
    const env = {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: join(this.root, "home"),
      npm_config_registry: `http://127.0.0.1:${this.#registry.addr.port}/`,
      ...options.env,
    };
    const connection = {
      kind: "stdio",
      command,
      args,
      env: {},
      cwd: join(this.root, cwd),
    } as const;
    return { connection, env };
  }

  /** Runs the command with its launcher. */
  async launch(args: readonly string[], options?: StartOptions): Promise<PrintedStart> {
    const { connection, env } = this.entry(args, options);
    return await run({ command: connection.command, args, env }, connection.cwd);
  }

  /** Finds the program that the launcher would run. */
  async find(args: readonly string[], options?: StartOptions): Promise<DirectStart | undefined> {
    const { connection, env } = this.entry(args, options);
    return await findDirectStart(connection, env);
  }

  /** Runs the program that the launcher would run. */
  async runDirectly(args: readonly string[], options?: StartOptions): Promise<PrintedStart> {
    const direct = await this.find(args, options);
    if (direct === undefined) throw new Error("the launcher has to start it");
    return await run(direct, join(this.root, options?.cwd ?? "work"));
  }

  /** Returns an entry of a servers file whose program serves MCP. */
  serverEntry(gateway: Readonly<Record<string, unknown>> = {}) {
    const { connection, env } = this.entry(["-y", SPEC, "--serve", "a b"]);
    return { ...connection, kind: undefined, env, gateway };
  }

  /** Restores the home folder as it was after the installation, and empties the working folder. */
  async reset(): Promise<void> {
    for (const name of ["home", "work", "project"]) {
      await Deno.remove(join(this.root, name), { recursive: true }).catch(() => {});
    }
    await Deno.mkdir(join(this.root, "work"));
    await copy(join(this.root, "spare"), join(this.root, "home"));
  }

  /** Writes a file below the folder of the fixture. */
  async write(path: string, text: string): Promise<void> {
    const file = join(this.root, path);
    await Deno.mkdir(join(file, ".."), { recursive: true });
    await Deno.writeTextFile(file, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry.shutdown();
    await Deno.remove(this.root, { recursive: true });
  }
}

async function run({ command, args, env }: DirectStart, cwd = "."): Promise<PrintedStart> {
  const { stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    cwd,
    clearEnv: true,
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

async function copy(from: string, to: string): Promise<void> {
  const { success } = await new Deno.Command("cp", { args: ["-Rp", from, to] }).output();
  if (!success) throw new Error("cp failed");
}
