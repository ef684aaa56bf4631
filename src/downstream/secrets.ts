import { secretsIn, type ServerConfig } from "../config/mod.ts";
import { redact, redactText } from "../redact.ts";

/** Maximum length of a quote from a server, in UTF-16 code units. */
const MAX_QUOTE = 500;

/** Number of secrets remembered for a server; tokens that have been renewed are worthless. */
const MAX_LEARNED = 64;

const learned = new WeakMap<ServerConfig, Set<string>>();

/**
 * Remembers secrets of a server that are issued while it is used, such as tokens.
 *
 * @param config Its entry.
 * @param values The secrets; the oldest are forgotten when there are many.
 */
export function addSecrets(config: ServerConfig, values: readonly string[]): void {
  const known = learned.get(config) ?? new Set();
  learned.set(config, known);
  for (const value of values) {
    known.delete(value);
    known.add(value);
  }
  for (const value of known) {
    if (known.size <= MAX_LEARNED) break;
    known.delete(value);
  }
}

/**
 * Returns the texts that no message about a server may contain: the variables that its entry names,
 * and its own environment, headers and tokens.
 *
 * @param config Its entry.
 */
export function secretsOf(config: ServerConfig): string[] {
  const { connect, options, secrets } = config;
  const inherited = options.inheritEnv.map((name) => Deno.env.get(name) ?? "");
  const { clientSecret = "" } = options.oauth ?? {};
  const all = [
    ...[...secrets, ...secretsIn(connect), ...inherited, clientSecret],
    ...(learned.get(config) ?? []),
  ];
  // Multi-line secrets are redacted line by line too: stderr is read in lines.
  return all.flatMap((value) => [value, ...value.split("\n")]);
}

/**
 * Prepares a text of a server for a quote: removes its secrets, texts that look like
 * secrets and the home folder, and shortens it.
 *
 * @param text The text.
 * @param config Its entry.
 */
export function redactExcerpt(text: string, config: ServerConfig): string {
  const secrets = secretsOf(config);
  const longest = Math.max(0, ...secrets.map(({ length }) => length));
  // A secret that the cut goes through must be recognized, so that much more is redacted first.
  const known = redact(text.slice(0, MAX_QUOTE + longest), secrets, Deno.env.get("HOME"));
  const clean = redactText(known);
  return clean.length > MAX_QUOTE ? `${clean.slice(0, MAX_QUOTE)}…` : clean;
}
