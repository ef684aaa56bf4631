/** Interval at which the memory of the processes is read, in milliseconds. */
const INTERVAL_MS = 50;

/**
 * A shell script that reads lines with process ids, and answers each with the id and the resident memory in KiB. A
 * process that has ended gets no answer. The script ends with its input; without `/proc`, it ends immediately. It ignores
 * signals that are meant for the gateway.
 */
const SCRIPT = `trap '' INT TERM HUP
[ -r "/proc/$$/status" ] || exit 1
while read -r id; do
  while read -r name value unit; do
    [ "$name" != VmRSS: ] || { echo "$id $value"; break; }
  done <"/proc/$id/status"
done 2>/dev/null`;

/** A process whose memory is watched. */
export interface WatchedProcess {
  /** Its id. */
  readonly pid: number;
  /** Maximum resident memory in bytes. */
  readonly maxBytes: number;
  /** Called each time that the process has more than that. */
  onExceeded(): void;
  /** Called when the memory cannot be watched any longer. */
  onLost(): void;
}

/**
 * Watches the resident memory of processes, on Linux. A shell reads it, because Deno lets only programs with all
 * permissions read `/proc`; the shell is started with the first process.
 */
export class MemoryWatch {
  readonly #processes = new Set<WatchedProcess>();
  readonly #encoder = new TextEncoder();
  #shell: Deno.ChildProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Watches a process until it is removed.
   *
   * @throws {Error} The shell cannot be started.
   */
  add(process: WatchedProcess): void {
    this.#start();
    this.#processes.add(process);
    this.#timer ??= setInterval(() => this.#requestMemory(), INTERVAL_MS);
  }

  /** Stops watching a process. */
  delete(process: WatchedProcess): void {
    this.#processes.delete(process);
    if (this.#processes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends the shell. */
  async close(): Promise<void> {
    for (const process of [...this.#processes]) this.delete(process);
    await this.#writer?.close().catch(() => {});
    await this.#shell?.status;
  }

  #start(): void {
    if (this.#shell !== undefined) return;
    const shell = new Deno.Command("sh", {
      args: ["-c", SCRIPT],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#shell = shell;
    this.#writer = shell.stdin.getWriter();
    this.#writer.closed.catch(() => {});
    void this.#readAnswers(shell);
  }

  #requestMemory(): void {
    const ids = [...this.#processes].map(({ pid }) => `${pid}\n`).join("");
    // The end of the shell is noticed by the end of its output.
    this.#writer?.write(this.#encoder.encode(ids)).catch(() => {});
  }

  async #readAnswers(shell: Deno.ChildProcess): Promise<void> {
    const decoder = new TextDecoder();
    let incompleteLine = "";
    for await (const chunk of shell.stdout) {
      const lines = (incompleteLine + decoder.decode(chunk)).split("\n");
      incompleteLine = lines.pop() ?? "";
      for (const line of lines) this.#readAnswer(line);
    }
    await this.#writer?.abort().catch(() => {});
    await shell.status;
    this.#shell = undefined;
    this.#writer = undefined;
    for (const process of [...this.#processes]) {
      this.delete(process);
      process.onLost();
    }
  }

  #readAnswer(line: string): void {
    const [pid, kib] = line.split(" ").map(Number);
    for (const process of this.#processes) {
      if (process.pid === pid && Number(kib) * 1024 > process.maxBytes) process.onExceeded();
    }
  }
}
