import type { Configuration } from "../config/mod.ts";
import { redact, redactText } from "../redact.ts";

/**
 * The beginning of a line about one of the two files: what names a place in it looks like the name
 * of a secret before its value, and is none.
 */
const PLACE = /^[^\n]*:\d+:\d+: (?:mcpServers|agents|defaults)\b[^\s:]*: /m;

/** Takes secrets out of what is logged: those that the configuration holds, and what looks like one. */
export class LogSecrets {
  readonly #known = new Set<string>();
  // Folders that variables such as HOME hold are no secrets, and the log names files in them.
  readonly #public: ReadonlySet<string>;

  /**
   * Knows no secret yet.
   *
   * @param folders Values that variables may hold and that may be shown.
   */
  constructor(folders: readonly string[]) {
    this.#public = new Set(folders);
  }

  /** Remembers the secrets of a configuration; those of former ones may still be logged. */
  add({ servers }: Configuration): void {
    for (const { secrets } of servers.values()) {
      for (const secret of secrets) if (!this.#public.has(secret)) this.#known.add(secret);
    }
  }

  /** Remembers a secret that a setting holds, where it does. */
  addText(secret: string | undefined): void {
    if (secret !== undefined) this.#known.add(secret);
  }

  /** The text without them. */
  readonly clean = (text: string): string => {
    // Known ones first: what is left of one after the patterns would not be known any more.
    const known = redact(text, [...this.#known]);
    if (!PLACE.test(known)) return redactText(known);
    return known.split("\n").map((line) => {
      const [place = ""] = PLACE.exec(line) ?? [];
      return place + redactText(line.slice(place.length));
    }).join("\n");
  };
}
