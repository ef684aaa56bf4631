import { quoteEscaped, shortenText } from "../text.ts";
import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { Log, LogFields } from "../log.ts";
import { redactExcerpt } from "./secrets.ts";

/** Maximum length of a quote, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 80;

/** Remembers data of a server that is not a valid message, because the data may explain a later error. */
export class Noise {
  readonly #config: ServerConfig;
  #count = 0;
  #lastExcerpt = "";

  /** @param config The server's entry; its secrets are removed from quotes. */
  constructor(config: ServerConfig) {
    this.#config = config;
  }

  /** Number of times that the server sent invalid data. */
  get count(): number {
    return this.#count;
  }

  /** Records the beginning of invalid data. */
  record(excerpt: string): void {
    this.#count++;
    this.#lastExcerpt = excerpt;
  }

  /** Describes the invalid data since an earlier `count`, as a sentence; empty if there was none. */
  describeSince(earlierCount: number): string {
    if (this.#count === earlierCount) return "";
    const excerpt = shortenText(redactExcerpt(this.#lastExcerpt, this.#config), MAX_QUOTE_LENGTH);
    return `Meanwhile it sent data that is not a valid MCP message, such as ${
      quoteEscaped(excerpt)
    }; that data may include its answer.`;
  }

  /**
   * Adds a description of the invalid data since an earlier `count` to the error of a timeout, because the
   * data may have been the answer. Returns every other reason unchanged.
   */
  addToTimeout(reason: unknown, earlierCount: number): unknown {
    const noise = this.describeSince(earlierCount);
    if (noise === "" || !(reason instanceof DownstreamError)) return reason;
    const { code, server, message, details } = reason;
    const options = { ...details, cause: reason, quotesInvalidOutput: true };
    return new DownstreamError(code, server, `${message}. ${noise}`, options);
  }
}

/** Maximum number of logged lines per window; further lines are only counted. */
const MAX_LINES = 20;

/** Duration of a window, in milliseconds. */
const WINDOW_MS = 10_000;

/** Options of a noise log. */
export interface NoiseLogOptions {
  /** The sender and the verb for its output, such as "the server sent". */
  readonly source: string;
  /** Fields of every line. */
  readonly fields?: LogFields;
}

/**
 * Logs data that is not a valid message. The number of lines is limited: a server or a client may send
 * invalid data all the time, and logging it must not slow the calls of others.
 */
export class NoiseLog {
  readonly #log: Log;
  readonly #options: NoiseLogOptions;
  #windowStart = -Infinity;
  #count = 0;

  /**
   * Creates a log without lines.
   *
   * @param log Receives the lines.
   */
  constructor(log: Log, options: NoiseLogOptions) {
    this.#log = log;
    this.#options = options;
  }

  /**
   * Logs one line of noise.
   *
   * @param description The reason why the line is not a valid message.
   * @param describe Returns further fields of the log line, without secrets; not called if the line is not logged.
   */
  write(description: string, describe: () => LogFields): void {
    const now = performance.now();
    const { source, fields = {} } = this.#options;
    if (now - this.#windowStart > WINDOW_MS) {
      const lines = this.#count - MAX_LINES;
      if (lines > 0) this.#log.warn(`Skipped more of what ${source}`, { ...fields, lines });
      this.#windowStart = now;
      this.#count = 0;
    }
    if (++this.#count > MAX_LINES) return;
    this.#log.warn(`Skipped what ${source}: ${description}`, { ...fields, ...describe() });
    if (this.#count < MAX_LINES) return;
    this.#log.warn("More such lines are skipped silently for a while", fields);
  }
}
