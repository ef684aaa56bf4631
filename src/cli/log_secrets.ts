import { type Configuration, homeFolder } from "../config/mod.ts";
import { redact, redactText } from "../redact.ts";

/**
 * The beginning of a line about one of the two files. Its position looks like the name of a secret
 * before its value.
 */
const POSITION = /^[^\n]*:\d+:\d+: (?:mcpServers|agents|defaults)\b[^\s:]*: /m;

/** Redacts the log: the secrets of the configuration, and texts that look like secrets. */
export class LogSecrets {
  readonly #known = new Set<string>();
  readonly #public: ReadonlySet<string>;

  /** @param folders Values of variables that are not secrets: the log names files in them. */
  constructor(folders: readonly string[] = [homeFolder(Deno.env) ?? "", Deno.cwd()]) {
    this.#public = new Set(folders);
  }

  /** Adds the secrets of a configuration. Those of former ones stay: they may still be logged. */
  add({ servers }: Configuration): void {
    for (const { secrets } of servers.values()) {
      for (const secret of secrets) if (!this.#public.has(secret)) this.#known.add(secret);
    }
  }

  /** Adds the secret of a setting, if it has one. */
  addText(secret: string | undefined): void {
    if (secret !== undefined) this.#known.add(secret);
  }

  /** The text without secrets. */
  readonly clean = (text: string): string => {
    // Known secrets first: the patterns might leave a part of one, which would not be found.
    const known = redact(text, [...this.#known]);
    if (!POSITION.test(known)) return redactText(known);
    return known.split("\n").map((line) => {
      const [position = ""] = POSITION.exec(line) ?? [];
      return position + redactText(line.slice(position.length));
    }).join("\n");
  };
}
