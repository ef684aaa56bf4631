import type { ServerConfig } from "../config/mod.ts";
import type { Log } from "../log.ts";
import { redactExcerpt } from "./secrets.ts";

/** How much of it is quoted, in UTF-16 code units. */
const MAX_QUOTED = 80;

/** The data of a server that was no message, for errors that it may explain. */
export class Noise {
  readonly #config: ServerConfig;
  #count = 0;
  #last = "";

  /** @param config The server's entry, whose secrets are not quoted. */
  constructor(config: ServerConfig) {
    this.#config = config;
  }

  /** How often there was any. */
  get count(): number {
    return this.#count;
  }

  /** Takes the beginning of it. */
  note(excerpt: string): void {
    this.#count++;
    this.#last = excerpt;
  }

  /** Describes in a sentence what came since then; empty where nothing did. */
  describeSince(count: number): string {
    if (this.#count === count) return "";
    const excerpt = redactExcerpt(this.#last, this.#config).slice(0, MAX_QUOTED);
    return `Meanwhile it sent data that is not a valid MCP message, such as ${
      JSON.stringify(excerpt)
    }; that data may include its answer.`;
  }
}

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
  readonly #verb: string;
  #since = -Infinity;
  #count = 0;

  /**
   * @param log Receives the lines.
   * @param options The server's name, and the verb for its output, as in "what the server sent".
   */
  constructor(
    log: Log,
    { server, verb }: { readonly server: string; readonly verb: "wrote to stdout" | "sent" },
  ) {
    this.#log = log;
    this.#server = server;
    this.#verb = verb;
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
    this.#log.warn(`Skipped what the server ${this.#verb}: ${description}`, { server, excerpt });
    if (this.#count < MAX_LINES) return;
    this.#log.warn("Skips more such lines without a word for a while", { server });
  }
}
