import { join } from "node:path";
import { isFile } from "../../src/file_identity.ts";
import { waitUntil } from "./wait.ts";

/** Rules for tests that are not about rules: the agent `tester` may do everything. */
export const ALLOW_ALL_RULES = { agents: { tester: { allow: { servers: ["*"] }, status: true } } };

/** The files and the environment of a gateway under test. */
export interface SetupOptions {
  /** Entries of `mcpServers`, or the text of the servers file; `false` for no file. */
  readonly servers?: Readonly<Record<string, unknown>> | string | false;
  /**
   * The rules, or the text of the rules file; `false` for no file. Default: `ALLOW_ALL_RULES`.
   */
  readonly rules?: Readonly<Record<string, unknown>> | string | false;
  /** Further files by path, relative to the working folder: texts, or values to write as JSON. */
  readonly files?: Readonly<Record<string, unknown>>;
  /** Environment variables of the gateway. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Enables the log messages that are off by default without a terminal. */
export const INFO_LOG_ENV = { GATEWAY_LOG_LEVEL: "info" };

/** Default path of the audit log, relative to the working folder. */
export const DEFAULT_AUDIT_LOG: string = Deno.build.os === "windows"
  ? "../home/AppData/Local/agent-mcp-gateway/audit.jsonl"
  : "../home/.local/state/agent-mcp-gateway/audit.jsonl";

/** One line of the audit log. */
export type AuditLine = Readonly<Record<string, unknown>>;

/** The environment of one gateway, and its temporary folders: the home folder, and the working folder. */
export class Setup {
  readonly home: string;
  readonly workingFolder: string;
  /** The complete environment. */
  readonly env: Record<string, string>;
  readonly #root: string;

  /** Creates the folders and files. */
  constructor({ servers = {}, rules = ALLOW_ALL_RULES, files = {}, env = {} }: SetupOptions = {}) {
    this.#root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "gateway_" }));
    this.home = join(this.#root, "home");
    this.workingFolder = join(this.#root, "work");
    Deno.mkdirSync(join(this.home, ".cache"), { recursive: true });
    Deno.mkdirSync(this.workingFolder);
    // Servers that Deno runs find their compiled programs here, instead of compiling them once per test.
    if (Deno.build.os !== "windows") Deno.symlinkSync(denoDir(), join(this.home, ".cache/deno"));
    this.env = {
      ...machineEnvironment(),
      DENO_DIR: denoDir(),
      HOME: this.home,
      GATEWAY_TRUST: "1",
      ...env,
    };
    const mcpConfig = typeof servers === "object" ? { mcpServers: servers } : servers;
    if (mcpConfig !== false) this.writeFile(".mcp.json", mcpConfig);
    if (rules !== false) this.writeFile(".mcp-gateway-rules.json", rules);
    for (const [path, content] of Object.entries(files)) this.writeFile(path, content);
  }

  /** Writes a text, or a value as JSON, to a path in the working folder; returns the absolute path. */
  writeFile(relativePath: string, content: unknown): string {
    const path = join(this.workingFolder, relativePath);
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    Deno.writeTextFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  }

  /**
   * Returns the entries so far of the audit log, with its older files, and of the log of refusals, in the order of
   * their times; not the entries at the beginning of calls.
   *
   * @param name Path of the audit log, relative to the working folder.
   */
  readAuditLog(name: string = DEFAULT_AUDIT_LOG): AuditLine[] {
    const exists = (file: string) => isFile(join(this.workingFolder, file));
    const older: string[] = [];
    for (let number = 1; exists(`${name}.${number}`); number++) older.unshift(`${name}.${number}`);
    const done = [...older, name].flatMap((file) => this.readAuditFile(file))
      .filter(({ phase }) => phase !== "begun");
    const refusedName = name.replace(/(\.\w+)$/, ".refused$1");
    return [...done, ...exists(refusedName) ? this.readAuditFile(refusedName) : []].sort(
      (one, two) => {
        return Date.parse(String(one.timestamp)) - Date.parse(String(two.timestamp));
      },
    );
  }

  /**
   * Returns all entries of one file of the audit log.
   *
   * @param name Path of the file, relative to the working folder.
   */
  readAuditFile(name: string = DEFAULT_AUDIT_LOG): AuditLine[] {
    const text = Deno.readTextFileSync(join(this.workingFolder, name));
    return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  }

  /**
   * Returns the ids of the running processes of the gateway and its servers, which all have this setup's home
   * folder in their environment. Empty except on Linux.
   */
  async listProcessIds(): Promise<number[]> {
    if (Deno.build.os !== "linux") return [];
    // The tests' permissions do not let Deno read the environment of another process.
    const script = 'grep -lzsxF -- "$1" /proc/[0-9]*/environ';
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", script, "sh", `HOME=${this.home}`],
      stdin: "null",
    }).output();
    return [...new TextDecoder().decode(stdout).matchAll(/\d+/g)].map(([pid]) => Number(pid));
  }

  /**
   * Waits until no process is left, then removes the folders. Kills remaining processes and throws.
   *
   * @param withinMs Maximum time until all processes have ended.
   */
  async close(withinMs = 5000): Promise<void> {
    try {
      const haveAllEnded = async () => (await this.listProcessIds()).length === 0;
      await waitUntil("no process of the gateway is left", haveAllEnded, withinMs);
    } finally {
      for (const pid of await this.listProcessIds()) killProcess(pid);
      Deno.removeSync(this.#root, { recursive: true });
    }
  }
}

function killProcess(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Returns the variables that any program needs on this machine: PATH, certificates, proxies. */
export function machineEnvironment(): Record<string, string> {
  const neededNames =
    /^(PATH|PATHEXT|SYSTEMROOT|TMPDIR|\w+_PROXY|\w*SSL_CERT\w*|\w*CA_CERTS|\w+_CA_BUNDLE|DENO_(CERT|TLS\w+)|NPM_CONFIG_\w+)$/i;
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => neededNames.test(name)),
  );
}

let cachedDenoDir: string | undefined;

/** Returns Deno's cache folder, which a Deno program with another home folder would not find. */
export function denoDir(): string {
  cachedDenoDir ??= Deno.env.get("DENO_DIR") ?? queryDenoDir();
  return cachedDenoDir;
}

function queryDenoDir(): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
