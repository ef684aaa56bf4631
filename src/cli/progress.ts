import type { Output } from "./command.ts";
import { escapeControls } from "../text.ts";
import { cutText, styleOf } from "./terminal.ts";

/** Shown while the first start of a server may take long. */
const DOWNLOADING = "packages may be downloading (120 s at most each)";

/** Packages that are installed already start sooner than this, in seconds. */
const DOWNLOAD_SHOWN_S = 3;

/** Options of `Progress`. */
export interface ProgressOptions {
  readonly line: Output;
  /** Ends the progress: nothing is awaited any more. */
  readonly signal?: AbortSignal;
  /** Whether the program of a server may have to be downloaded first. */
  readonly isDownloaded?: (name: string) => boolean;
}

/** Shows pending work: at a terminal in one line that changes, elsewhere in a line for each result. */
export class Progress implements Disposable {
  readonly #waiting: Set<string>;
  readonly #total: number;
  readonly #line: Output;
  readonly #columns: number;
  readonly #isLive: boolean;
  readonly #isDownloaded: (name: string) => boolean;
  readonly #begun = performance.now();
  readonly #stop = (): void => this[Symbol.dispose]();
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #isOver = false;

  constructor(
    names: readonly string[],
    { line, signal, isDownloaded = () => false }: ProgressOptions,
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

  /** Shows that one is done, with its result. */
  done(name: string, how: string): void {
    this.#waiting.delete(name);
    if (this.#isOver) return;
    if (this.#isLive) this.#show();
    else this.#line.write(`${escapeControls(name)}: ${how}\n`);
  }

  /** Removes the line. */
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
    this.#line.write(`\r${cutText(escapeControls(text), this.#columns - 1)}\x1b[K`);
  }
}
