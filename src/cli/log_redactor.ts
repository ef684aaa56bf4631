import { type Configuration, homeFolder } from "../config/mod.ts";
import { redact, redactText } from "../redact.ts";

/**
 * The `file:line:column: path:` at the beginning of a configuration message. `redactText` would take the
 * path for the name of a secret, and hide what follows.
 */
const POSITION = /^[^\n]*:\d+:\d+: (?:mcpServers|agents|defaults)\b[^\s:]*: /m;

/** Redacts the log: the secrets of the configuration, and texts that look like secrets. */
export class LogRedactor {
  readonly #known = new Set<string>();
  readonly #nonSecrets: ReadonlySet<string>;

  /** @param folders Values of variables that are not secrets: the log names files in them. */
  constructor(folders: readonly string[] = [homeFolder(Deno.env) ?? "", Deno.cwd()]) {
    this.#nonSecrets = new Set(folders);
  }

  /** Adds the secrets of a configuration. Those of former ones stay: they may still be logged. */
  add({ servers }: Configuration): void {
    for (const { secrets } of servers.values()) {
      for (const secret of secrets) if (!this.#nonSecrets.has(secret)) this.#known.add(secret);
    }
  }

  /** Adds the secret of a setting, if it has one. */
  addSecret(secret: string | undefined): void {
    if (secret !== undefined) this.#known.add(secret);
  }

  /** Returns the text without secrets. */
  readonly redact = (text: string): string => {
    // Known secrets first: a pattern could cut one in two, and the rest would no longer match.
    const known = redact(text, [...this.#known]);
    if (!POSITION.test(known)) return redactText(known);
    return known.split("\n").map((line) => {
      const [position = ""] = POSITION.exec(line) ?? [];
      return position + redactText(line.slice(position.length));
    }).join("\n");
  };
}
