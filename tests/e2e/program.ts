import { withTimeout } from "./wait.ts";

/** A stream that a program writes to. */
export type OutputStream = "stdout" | "stderr";

/** Options of a program. */
export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The complete environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The stream that stays unread until `readUnread` is called or the program has ended. */
  readonly unread?: OutputStream;
}

/** A running program whose output is read line by line. */
export class Program {
  /** Lines of standard output so far. */
  readonly lines: string[] = [];
  /** Called with each line of standard output. */
  onLine: (line: string) => void = () => {};
  /** Called at the end of standard output. */
  onEnd: () => void = () => {};
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  /** Settles when the program has ended and its output has been read. */
  readonly #ended: Promise<unknown>;
  readonly #unread: OutputStream | undefined;
  readonly #unreadRequested = Promise.withResolvers<void>();
  #stderr = "";
  #hasEnded = false;

  /** Starts the program. */
  constructor(
    { command, args, cwd, env, unread }: ProgramOptions,
  ) {
    this.#unread = unread;
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
    this.#ended = Promise.all([
      this.#readLines().finally(() => this.onEnd()),
      this.#collectStderr(),
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

  /** Starts to read the stream that was left unread. */
  readUnread(): void {
    this.#unreadRequested.resolve();
  }

  /** Writes text to standard input. */
  async write(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#input.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  /** Closes standard input. */
  async closeInput(): Promise<void> {
    // The pipe is already closed if the program has ended.
    await this.#input.close().catch(() => {});
  }

  /** Sends a signal, unless the program has ended. */
  sendSignal(signal: Deno.Signal): void {
    if (!this.#hasEnded) this.#child.kill(signal);
  }

  /** Waits until the program has ended and all its output has been read. */
  async waitForEnd(withinMs?: number): Promise<Deno.CommandStatus> {
    const status = await withTimeout("the program ends", this.#child.status, withinMs);
    this.readUnread();
    await withTimeout("the output of the program ends", this.#ended);
    await this.closeInput();
    return status;
  }

  async #readLines(): Promise<void> {
    if (this.#unread === "stdout") await this.#unreadRequested.promise;
    const decoder = new TextDecoder();
    // Pieces of the last line, which is not complete yet.
    let pieces: string[] = [];
    for await (const chunk of this.#child.stdout) {
      const [first = "", ...lines] = decoder.decode(chunk, { stream: true }).split("\n");
      pieces.push(first);
      for (const line of lines) {
        this.#addLine(pieces.join(""));
        pieces = [line];
      }
    }
    // Output without a final line feed is a line, too: tests check all output.
    if (pieces.join("") !== "") this.#addLine(pieces.join(""));
  }

  #addLine(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }

  async #collectStderr(): Promise<void> {
    if (this.#unread === "stderr") await this.#unreadRequested.promise;
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#stderr += decoder.decode(chunk, { stream: true });
    }
  }
}
