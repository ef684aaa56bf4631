import { TestFolder } from "../audit/audit_log_fixtures.ts";
import { waitUntil, withTimeout } from "../e2e/wait.ts";
import { isInstalled } from "../installed.ts";

/** Whether a redis-server is installed. */
export const HAS_REDIS: boolean = isInstalled("redis-server");

/** Finds a free port of this machine. */
export function findFreePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** A Redis process that a test starts, freezes and ends. */
export class RedisServer implements AsyncDisposable {
  readonly url: string;
  readonly #folder: TestFolder;
  readonly #process: Deno.ChildProcess;
  #hasEnded = false;

  private constructor(folder: TestFolder, process: Deno.ChildProcess, url: string) {
    this.#folder = folder;
    this.#process = process;
    this.url = url;
  }

  static async start(port: number): Promise<RedisServer> {
    const folder = new TestFolder();
    const settings = { port, bind: "127.0.0.1", dir: folder.path, save: "", appendonly: "no" };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const process = new Deno.Command("redis-server", { args, stdout: "null", stderr: "null" })
      .spawn();
    const server = new RedisServer(folder, process, `redis://127.0.0.1:${port}`);
    await waitUntil("Redis listens", () => canConnect(port));
    return server;
  }

  /** Stops Redis from answering; its connections stay open. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  /** Makes Redis answer again. */
  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#process.kill("SIGKILL");
    await withTimeout("Redis ends", this.#process.status);
    this.#folder[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

async function canConnect(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("PING\r\n"));
    return await connection.read(new Uint8Array(16)) !== null;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
