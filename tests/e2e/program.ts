import { withTimeout } from "./wait.ts";

/** Options of a program. */
export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The complete environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether standard error is unread until `readStderr` is called or the program has ended. */
  readonly leavesStderrUnread?: boolean;
}

/** A process with line-based input and output. */
export class Program {
  /** All lines of standard output so far. */
  readonly lines: string[] = [];
  /** Called with each line of standard output. */
  onLine: (line: string) => void = () => {};
  /** Called at the end of standard output. */
  onEnd: () => void = () => {};
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #outputs: Promise<unknown>;
  readonly #stderrRequested = Promise.withResolvers<void>();
  #stderr = "";
  #hasEnded = false;

  /** Starts the program. */
  constructor(
    { command, args, cwd, env, leavesStderrUnread = false }: ProgramOptions,
  ) {
    if (!leavesStderrUnread) this.readStderr();
    this.#child = new Deno.Command(command, {
      args: [...args],
      cwd,
      env: { ...env },
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#input = this.#child.stdin.getWriter();
    this.#outputs = Promise.all([
      this.#readLines().finally(() => this.onEnd()),
      this.#readStderr(),
      this.#child.status.then(() => this.#hasEnded = true),
    ]);
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Whether the program has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Starts to read standard error, if it was left unread. */
  readStderr(): void {
    this.#stderrRequested.resolve();
  }

  /** Writes text to standard input. */
  async write(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#input.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  /** Closes standard input. */
  async closeInput(): Promise<void> {
    // A program that has already ended has closed the pipe.
    await this.#input.close().catch(() => {});
  }

  /** Sends a signal, unless the program has ended. */
  sendSignal(signal: Deno.Signal): void {
    if (!this.#hasEnded) this.#child.kill(signal);
  }

  /** Waits until the program and its output have ended. */
  async waitForEnd(withinMs?: number): Promise<Deno.CommandStatus> {
    const status = await withTimeout("the end of the program", this.#child.status, withinMs);
    this.readStderr();
    await withTimeout("the end of its output", this.#outputs);
    await this.closeInput();
    return status;
  }

  async #readLines(): Promise<void> {
    const decoder = new TextDecoder();
    let rest: string[] = [];
    for await (const chunk of this.#child.stdout) {
      const [first = "", ...lines] = decoder.decode(chunk, { stream: true }).split("\n");
      rest.push(first);
      for (const line of lines) {
        this.#addLine(rest.join(""));
        rest = [line];
      }
    }
    // Text without a line feed counts as a line: a test of the output must see it.
    if (rest.join("") !== "") this.#addLine(rest.join(""));
  }

  #addLine(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }

  async #readStderr(): Promise<void> {
    await this.#stderrRequested.promise;
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#stderr += decoder.decode(chunk, { stream: true });
    }
  }
}
