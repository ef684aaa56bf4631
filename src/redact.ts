/**
 * Keeps secrets out of what is written. A leaf: imports nothing of the project.
 *
 * @module
 */

/** What stands in a secret's place. */
export const REDACTED = "[redacted]";

/** Shorter values are words, ports and flags rather than secrets. */
const SHORTEST_SECRET = 6;

/**
 * Removes known secrets and the user's home folder from a text.
 *
 * @param text What a server or a library said.
 * @param secrets Values that must not appear, such as those of a server's own variables; values
 * under 6 characters are left alone.
 * @param home The home folder, shown as `~`.
 */
export function redact(text: string, secrets: readonly string[], home?: string): string {
  let clean = text;
  const known = secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
  // The longest first, so that a secret that holds another one leaves no rest.
  for (const secret of known.sort((one, two) => two.length - one.length)) {
    clean = clean.replaceAll(secret, REDACTED);
  }
  return home === undefined || home.length < 2 ? clean : clean.replaceAll(home, "~");
}
