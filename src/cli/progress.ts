import { cleanLine, styleOf } from "./terminal.ts";

/** What takes long at the first start of a server. */
const DOWNLOADING = "packages may be downloading (120 s at most each)";

/** Packages that are there already start sooner than this, in seconds. */
const DOWNLOAD_SHOWN_S = 3;

/** Where progress is shown; `isLive` where a line may be written over. */
export interface ProgressLine {
  write(text: string): void;
}

/**
 * Shows which of several things are still awaited: at a terminal in one line that changes, elsewhere
 * with a line for each that is done.
 */
export class Progress implements Disposable {
  readonly #waiting: Set<string>;
  readonly #total: number;
  readonly #line: ProgressLine;
  readonly #columns: number;
  readonly #isLive: boolean;
  readonly #isDownloaded: (name: string) => boolean;
  readonly #begun = performance.now();
  readonly #stop = (): void => this[Symbol.dispose]();
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #isOver = false;

  /**
   * Begins.
   *
   * @param names What is awaited.
   * @param line Where it is shown.
   * @param signal Takes it away: nobody waits any more.
   * @param isDownloaded Whether one is downloaded first, where it is not there yet.
   */
  constructor(
    names: readonly string[],
    line: ProgressLine,
    signal?: AbortSignal,
    isDownloaded: (name: string) => boolean = () => false,
  ) {
    const { isTerminal, columns } = styleOf(Deno.stderr);
    this.#waiting = new Set(names);
    this.#total = names.length;
    this.#line = line;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#stop);
    this.#columns = columns;
    this.#isDownloaded = isDownloaded;
    this.#isLive = isTerminal;
    if (isTerminal) this.#timer = setInterval(() => this.#show(), 200);
    this.#show();
    if (!isTerminal && names.some(isDownloaded)) line.write(`${DOWNLOADING}\n`);
  }

  /** One of them is done. */
  done(name: string, how: string): void {
    this.#waiting.delete(name);
    if (this.#isOver) return;
    if (this.#isLive) this.#show();
    else this.#line.write(`${cleanLine(name)}: ${how}\n`);
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#signal?.removeEventListener("abort", this.#stop);
    if (this.#isLive && !this.#isOver) this.#line.write("\r\x1b[K");
    this.#isOver = true;
  }

  #show(): void {
    if (!this.#isLive || this.#isOver) return;
    const seconds = Math.floor((performance.now() - this.#begun) / 1000);
    const waiting = [...this.#waiting];
    const what = waiting.length === 0 ? "stopping the servers" : [
      ...(seconds >= DOWNLOAD_SHOWN_S && waiting.some(this.#isDownloaded) ? [DOWNLOADING] : []),
      `waiting for ${waiting.join(", ")}`,
    ].join("; ");
    const text = `${this.#total - waiting.length}/${this.#total} in ${seconds} s; ${what}`;
    const shown = cleanLine(text);
    const fits = shown.length < this.#columns ? shown : `${shown.slice(0, this.#columns - 2)}…`;
    this.#line.write(`\r${fits}\x1b[K`);
  }
}
