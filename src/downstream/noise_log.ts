import type { Log } from "../log.ts";

/** How many lines of noise are logged in one stretch of time; the rest are counted. */
const MAX_LINES = 20;

/** How long such a stretch is, in milliseconds. */
const STRETCH_MS = 10_000;

/**
 * Logs what a server writes to stdout, or sends, that is no message. A server may write nothing else, and
 * faster than anybody reads a log; that must not slow the other servers' calls.
 */
export class NoiseLog {
  readonly #log: Log;
  readonly #server: string;
  readonly #how: string;
  #since = -Infinity;
  #count = 0;

  /**
   * Begins with silence.
   *
   * @param log Takes the lines.
   * @param server The server's name.
   * @param how How messages come, as in "what the server sent".
   */
  constructor(log: Log, server: string, how: "wrote to stdout" | "sent") {
    this.#log = log;
    this.#server = server;
    this.#how = how;
  }

  /**
   * Takes one line of noise.
   *
   * @param description What is wrong with it.
   * @param excerptOf Gives its beginning, free of secrets; not asked where the line is not logged.
   */
  note(description: string, excerptOf: () => string): void {
    const now = performance.now();
    const server = this.#server;
    if (now - this.#since > STRETCH_MS) {
      const lines = this.#count - MAX_LINES;
      if (lines > 0) this.#log.warn("Skipped more such lines of the server", { server, lines });
      this.#since = now;
      this.#count = 0;
    }
    if (++this.#count > MAX_LINES) return;
    const excerpt = excerptOf();
    this.#log.warn(`Skipped what the server ${this.#how}: ${description}`, { server, excerpt });
    if (this.#count < MAX_LINES) return;
    this.#log.warn("Skips more such lines without a word for a while", { server });
  }
}
