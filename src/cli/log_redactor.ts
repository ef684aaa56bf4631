import { type Configuration, getHomeFolder } from "../config/mod.ts";
import { redactKnownSecrets, redactProbableSecrets } from "../redact.ts";

/**
 * The `file:line:column: key path:` at the beginning of a configuration problem. `redactProbableSecrets` would
 * mistake the key path for the name of a secret, and hide the text after it.
 */
const POSITION = /^[^\n]*:\d+:\d+: (?:mcpServers|agents|defaults|auth)\b[^\s:]*: /m;

/** Redacts the secrets of the configuration, and texts that look like secrets, in the log. */
export class LogRedactor {
  readonly #secrets = new Set<string>();
  readonly #nonSecrets: ReadonlySet<string>;

  /** @param folders Folders whose paths are never redacted, because the log names files in them. */
  constructor(folders: readonly string[] = [getHomeFolder(Deno.env) ?? "", Deno.cwd()]) {
    this.#nonSecrets = new Set(folders);
  }

  /** Adds the secrets of a configuration. Earlier secrets stay, because they may still be logged. */
  add({ servers }: Configuration): void {
    for (const { secrets } of servers.values()) {
      for (const secret of secrets) if (!this.#nonSecrets.has(secret)) this.#secrets.add(secret);
    }
  }

  /** Adds the secret of a setting, if it has one. */
  addSecret(secret: string | undefined): void {
    if (secret !== undefined) this.#secrets.add(secret);
  }

  /** Returns the text without secrets. */
  readonly redact = (text: string): string => {
    // Known secrets are redacted first: a pattern could match only a part of one, and the rest would stay.
    const withoutSecrets = redactKnownSecrets(text, [...this.#secrets]);
    if (!POSITION.test(withoutSecrets)) return redactProbableSecrets(withoutSecrets);
    return withoutSecrets.split("\n").map((line) => {
      const [position = ""] = POSITION.exec(line) ?? [];
      return position + redactProbableSecrets(line.slice(position.length));
    }).join("\n");
  };
}
