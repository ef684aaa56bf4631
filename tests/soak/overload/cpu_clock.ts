/**
 * Reads the CPU time of a process's main thread. A shell reads the file, because the permissions of the tests do not let
 * Deno read files of other processes.
 */
export class CpuClock implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting: ((cpuMs: number) => void)[] = [];
  readonly #outputRead: Promise<void>;

  constructor(pid: number) {
    const script = 'while read -r _; do read -r ns _ <"/proc/$1/schedstat"; echo "$ns"; done';
    this.#child = new Deno.Command("sh", {
      args: ["-c", script, "sh", String(pid)],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#outputRead = this.#readOutput();
  }

  /** Returns the CPU time so far, in milliseconds; the last one known if the process has ended. */
  async readMs(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting.push(resolve);
    await this.#input.write(new Uint8Array([10]));
    return await promise;
  }

  async #readOutput(): Promise<void> {
    const decoder = new TextDecoder();
    let lastLine = "";
    for await (const chunk of this.#child.stdout) {
      const lines = (lastLine + decoder.decode(chunk)).split("\n");
      lastLine = lines.pop() ?? "";
      for (const line of lines) this.#waiting.shift()?.(Number(line) / 1e6);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#outputRead;
    await this.#child.status;
  }
}
