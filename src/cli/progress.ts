import type { Output } from "./command.ts";
import { escapeControls } from "../text.ts";
import { cutText, styleOf } from "./terminal.ts";

/** Shown while packages may be downloading, so that a long wait is not a surprise. */
const DOWNLOADING = "packages may be downloading (120 s at most each)";

/** Seconds after which a download is likely, because installed servers start sooner. */
const SHOW_DOWNLOADS_AFTER_S = 3;

/** Options of `Progress`. */
export interface ProgressOptions {
  readonly output: Output;
  /** Ends the progress when aborted. */
  readonly signal?: AbortSignal;
  /** Whether the program of a server may have to be downloaded first. */
  readonly mayDownload?: (name: string) => boolean;
}

/** Shows the progress of starting servers: at a terminal in one changing line, elsewhere in one line per result. */
export class Progress implements Disposable {
  readonly #waiting: Set<string>;
  readonly #total: number;
  readonly #output: Output;
  readonly #columns: number;
  readonly #isTerminal: boolean;
  readonly #mayDownload: (name: string) => boolean;
  readonly #startedAt = performance.now();
  readonly #stop = (): void => this[Symbol.dispose]();
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #hasEnded = false;

  constructor(
    names: readonly string[],
    { output, signal, mayDownload = () => false }: ProgressOptions,
  ) {
    const { isTerminal, columns } = styleOf(Deno.stderr);
    this.#waiting = new Set(names);
    this.#total = names.length;
    this.#output = output;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#stop);
    this.#columns = columns;
    this.#mayDownload = mayDownload;
    this.#isTerminal = isTerminal;
    if (isTerminal) this.#timer = setInterval(() => this.#show(), 200);
    this.#show();
    if (!isTerminal && names.some(mayDownload)) output.write(`${DOWNLOADING}\n`);
  }

  /** Shows the result of one server. */
  finish(name: string, result: string): void {
    this.#waiting.delete(name);
    if (this.#hasEnded) return;
    if (this.#isTerminal) this.#show();
    else this.#output.write(`${escapeControls(name)}: ${result}\n`);
  }

  /** Ends the progress, and removes its line from the terminal. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#signal?.removeEventListener("abort", this.#stop);
    if (this.#isTerminal && !this.#hasEnded) this.#output.write("\r\x1b[K");
    this.#hasEnded = true;
  }

  #show(): void {
    if (!this.#isTerminal || this.#hasEnded) return;
    const seconds = Math.floor((performance.now() - this.#startedAt) / 1000);
    const waiting = [...this.#waiting];
    const activity = waiting.length === 0 ? "stopping the servers" : [
      ...(seconds >= SHOW_DOWNLOADS_AFTER_S && waiting.some(this.#mayDownload)
        ? [DOWNLOADING]
        : []),
      `waiting for ${waiting.join(", ")}`,
    ].join("; ");
    const text = `${this.#total - waiting.length}/${this.#total} in ${seconds} s; ${activity}`;
    this.#output.write(`\r${cutText(escapeControls(text), this.#columns - 1)}\x1b[K`);
  }
}
