import type { Log } from "../log.ts";

/** How many lines of noise are logged in one stretch of time; the rest are counted. */
const MAX_LINES = 20;

/** How long such a stretch is, in milliseconds. */
const STRETCH_MS = 10_000;

/**
 * Logs what a server writes to stdout that is no message. A server may write nothing else, and
 * faster than anybody reads a log; that must not slow the other servers' calls.
 */
export class NoiseLog {
  readonly #log: Log;
  readonly #server: string;
  #since = -Infinity;
  #count = 0;

  /**
   * Begins with silence.
   *
   * @param log Takes the lines.
   * @param server The server's name.
   */
  constructor(log: Log, server: string) {
    this.#log = log;
    this.#server = server;
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
    this.#log.warn(`Skipped what the server wrote to stdout: ${description}`, { server, excerpt });
    if (this.#count < MAX_LINES) return;
    this.#log.warn("Skips more such lines without a word for a while", { server });
  }
}
