import {
  checkConfiguration,
  type CheckResult,
  type Environment,
  type LoadOptions,
  locateFiles,
} from "../../src/config/mod.ts";

/** Returns an environment with the given variables. */
export function environmentOf(values: Record<string, string>): Environment {
  const map = new Map(Object.entries(values));
  return { get: (name) => map.get(name), toObject: () => Object.fromEntries(map) };
}

/** A temporary folder that is deleted at the end of its scope. */
export class TempFolder {
  readonly path: string = Deno.realPathSync(Deno.makeTempDirSync());

  write(name: string, content: string | Uint8Array | object): string {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeTextFileSync(path, JSON.stringify(content));
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Creates a named pipe; reading it blocks until something is written. */
export function makePipe(path: string): string {
  const { success } = new Deno.Command("mkfifo", { args: [path] }).outputSync();
  if (!success) throw new Error(`Cannot create the pipe ${path}`);
  return path;
}

/** Checks two files, given as text or as values, in their own folder. */
export async function check(
  mcpConfig: string | Uint8Array | object = { mcpServers: {} },
  rules: string | Uint8Array | object = { agents: {} },
  variables: Record<string, string> = {},
  options: Partial<LoadOptions> = {},
): Promise<CheckResult> {
  using folder = new TempFolder();
  folder.write("mcp.json", mcpConfig);
  folder.write("rules.json", rules);
  const named = { mcpConfig: "mcp.json", rules: "rules.json" };
  const files = locateFiles(named, { home: undefined, cwd: folder.path });
  const env = environmentOf(variables);
  return await checkConfiguration(files, { env, cwd: "/work", windows: false, ...options });
}
