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

/** Returns a command that runs a program of this folder with low priority, so that it takes no core from a gateway. */
function commandLine(
  name: string,
  flags: readonly string[],
): { command: string; args: string[] } {
  const denoFlags = ["--quiet", "--no-prompt", "--no-config", "--no-lock", "--allow-net=127.0.0.1"];
  const path = fileURLToPath(new URL(name, import.meta.url));
  const args = ["-n", "19", Deno.execPath(), "run", ...denoFlags, path, ...flags];
  return { command: "nice", args };
}

/** Starts a program of this folder. */
export function spawnFixture(name: string, ...flags: string[]): Spawned {
  const { command, args } = commandLine(name, flags);
  return new Spawned(new Deno.Command(command, { args, stdin: "null", stdout: "piped" }).spawn());
}

/** Returns an entry of `mcpServers` for `hostile_server.ts`; the head of that file describes the flags. */
export function hostileServer(...flags: string[]): { command: string; args: string[] } {
  return commandLine("hostile_server.ts", flags);
}
