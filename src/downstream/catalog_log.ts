import type { Log } from "../log.ts";
import type { Catalog } from "./catalog.ts";

/** Limit of different lines in the log about the lists of one server. */
const MAX_LINES = 100;

/**
 * Logs problems of a server's lists of tools: each problem once, however often the server is asked. A
 * reload that changes the server's entry starts over.
 */
export class CatalogLog {
  readonly #log: Log;
  readonly #server: string;
  readonly #logged = new Set<string>();

  constructor(log: Log, server: string) {
    this.#log = log;
    this.#server = server;
  }

  /** Logs the problems of a list. */
  note({ shortfall, leftOut }: Catalog): void {
    if (shortfall !== undefined) this.#warn(shortfall);
    for (const what of leftOut) this.#warn(`Tool left out: ${what}`);
  }

  #warn(line: string): void {
    if (this.#logged.size > MAX_LINES || this.#logged.has(line)) return;
    this.#logged.add(line);
    const server = this.#server;
    if (this.#logged.size <= MAX_LINES) this.#log.warn(line, { server });
    else this.#log.warn("Nothing more is logged about its lists of tools", { server });
  }
}
