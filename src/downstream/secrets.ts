import type { ServerConfig } from "../config/mod.ts";
import { redact } from "../redact.ts";

/** Longest text of a server that is quoted, in UTF-16 code units. */
const MAX_QUOTE = 500;

/** How many texts are remembered of a server; tokens that were renewed often are worth nothing. */
const MAX_LEARNED = 64;

const learned = new WeakMap<ServerConfig, Set<string>>();

/**
 * Remembers secrets of a server that come up while it is used, such as tokens.
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
 * What must not appear in anything that is written about a server: the variables that its entry
 * names, and what is given to it alone.
 *
 * @param config Its entry.
 */
export function secretsOf(config: ServerConfig): string[] {
  const { connect, options, secrets } = config;
  const own = connect.kind === "stdio" ? connect.env : connect.headers;
  const inherited = options.inheritEnv.map((name) => Deno.env.get(name) ?? "");
  // Of a key of several lines each line is told apart, for that is how it comes back.
  const { clientSecret = "" } = options.oauth ?? {};
  const all = [
    ...[...secrets, ...Object.values(own), ...inherited, clientSecret],
    ...(learned.get(config) ?? []),
  ];
  return all.flatMap((value) => {
    return [value, ...value.split("\n")];
  });
}

/**
 * What a server says, fit to be quoted: without its secrets and the home folder, and not endless.
 *
 * @param text What it said.
 * @param config Its entry.
 */
export function redactExcerpt(text: string, config: ServerConfig): string {
  const secrets = secretsOf(config);
  const longest = Math.max(0, ...secrets.map(({ length }) => length));
  // What is cut off must not be the rest of a secret, so as much more is cleaned.
  const clean = redact(text.slice(0, MAX_QUOTE + longest), secrets, Deno.env.get("HOME"));
  return clean.length > MAX_QUOTE ? `${clean.slice(0, MAX_QUOTE)}…` : clean;
}
