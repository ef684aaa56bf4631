import { listConnectionSecrets, type ServerConfig } from "../config/mod.ts";
import { redactKnownSecrets, redactProbableSecrets, withoutLastWord } from "../redact.ts";
import {
  escapeControls,
  quoteEscaped,
  shortenText,
  startOfText,
  withoutTerminalSequences,
} from "../text.ts";

/** Maximum length of a quote from a server, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 500;

/** Maximum length of a quote within a sentence, in UTF-16 code units. */
const MAX_SHORT_QUOTE_LENGTH = 200;

/** Length of the beginning of a text that is searched for secrets and quoted, in UTF-16 code units. */
const MAX_REDACTED_LENGTH = 16 * 1024;

/** Maximum number of issued secrets that are remembered for a server; a token is worthless after its renewal. */
const MAX_ISSUED_SECRETS = 16;

/** Maximum length of an issued secret, in UTF-16 code units; the gateway uses no longer one. */
const MAX_ISSUED_LENGTH = 16 * 1024;

/** Maximum total length of all issued secrets: each quote is searched for every form of each of them. */
const MAX_ISSUED_TOTAL_LENGTH = 64 * 1024;

// The secrets that were issued while each server was used, the oldest first.
const issuedSecrets = new WeakMap<ServerConfig, Set<string>>();

/**
 * Remembers secrets of a server that are issued while it is used, such as tokens.
 *
 * @param config The server's entry.
 * @param values The secrets; the oldest are forgotten when there are many.
 */
export function addIssuedSecrets(config: ServerConfig, values: readonly string[]): void {
  const secrets = issuedSecrets.get(config) ?? new Set();
  issuedSecrets.set(config, secrets);
  for (const value of values) {
    if (value.length > MAX_ISSUED_LENGTH) continue;
    secrets.delete(value);
    secrets.add(value);
  }
  let length = secrets.values().reduce((sum, value) => sum + value.length, 0);
  for (const value of secrets) {
    if (secrets.size <= MAX_ISSUED_SECRETS && length <= MAX_ISSUED_TOTAL_LENGTH) break;
    secrets.delete(value);
    length -= value.length;
  }
}

/**
 * Returns the texts that no message about a server may contain: the values of the variables that its
 * entry names, the values of its environment and headers, its client secret, and its tokens.
 *
 * @param config The server's entry.
 */
export function secretsOf(config: ServerConfig): string[] {
  const { connection, options, secrets } = config;
  const inherited = options.inheritEnv.map((name) => Deno.env.get(name) ?? "");
  const { clientSecret = "" } = options.oauth ?? {};
  const values = [...secrets, ...listConnectionSecrets(connection), ...inherited, clientSecret];
  // A secret of several lines is also redacted line by line, because stderr is read in lines. An issued secret is not,
  // because a server could issue thousands of lines.
  const lines = values.flatMap((value) => [value, ...value.split("\n")]);
  const secretTexts = new Set([...lines, ...(issuedSecrets.get(config) ?? [])]);
  return [...new Set([...secretTexts].flatMap(formsOf))];
}

/** Returns a text as it is, as a JSON string and percent-encoded, as programs quote it. */
function formsOf(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const component = encodeURIComponent(text.toWellFormed());
  const lowerCase = component.replaceAll(/%../g, (escape) => escape.toLowerCase());
  const form = new URLSearchParams([["", text]]).toString().slice(1);
  return [text, json, component, lowerCase, form, encodeURI(text.toWellFormed())];
}

/**
 * Prepares a text of a server for a quote: removes the server's secrets, texts that look like secrets and
 * the path of the home folder, escapes control characters, and shortens the text.
 *
 * @param text The text.
 * @param config The server's entry.
 */
export function redactExcerpt(text: string, config: ServerConfig): string {
  // This cut may split a secret, and half a secret is not recognized. That does no harm: the quote ends long before it.
  const beginning = text.length <= MAX_REDACTED_LENGTH
    ? text
    : withoutLastWord(startOfText(text, MAX_REDACTED_LENGTH));
  const plain = withoutTerminalSequences(beginning);
  const redacted = redactProbableSecrets(
    redactKnownSecrets(plain, secretsOf(config), Deno.env.get("HOME")),
  );
  return shortenText(escapeControls(redacted), MAX_QUOTE_LENGTH);
}

/** Quotes a text that a server sent, on one line, shortened and without secrets. */
export function quoteServerText(text: string, config: ServerConfig): string {
  return quoteEscaped(shortenText(redactExcerpt(text, config).trim(), MAX_SHORT_QUOTE_LENGTH));
}
