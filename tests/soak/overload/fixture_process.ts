import { fileURLToPath } from "node:url";

/** A running program of this folder, which is killed when it is disposed of. */
export class Spawned implements AsyncDisposable {
  /** Whether the program has ended. */
  hasEnded = false;
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = child.stdout.getReader();
    void child.status.then(() => this.hasEnded = true);
  }

  /** Waits for the first output, and returns it. */
  async readFirstOutput(): Promise<string> {
    const { value } = await this.#output.read();
    return new TextDecoder().decode(value).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.#child.kill("SIGKILL");
    await this.#output.cancel();
    await this.#child.status;
  }
}

function denoArgs(name: string, args: readonly string[]): string[] {
  const flags = ["--quiet", "--no-prompt", "--no-config", "--no-lock", "--allow-net=127.0.0.1"];
  return ["run", ...flags, fileURLToPath(new URL(name, import.meta.url)), ...args];
}

/** Starts a program of this folder. */
export function spawnFixture(name: string, ...args: string[]): Spawned {
  const command = new Deno.Command(Deno.execPath(), {
    args: denoArgs(name, args),
    stdin: "null",
    stdout: "piped",
  });
  return new Spawned(command.spawn());
}

/** Returns an entry of `mcpServers` for `hostile_server.ts`; the head of that file describes the flags. */
export function hostileServer(...flags: string[]): { command: string; args: string[] } {
  return { command: Deno.execPath(), args: denoArgs("hostile_server.ts", flags) };
}
