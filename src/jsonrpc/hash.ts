/**
 * Hashes a text (FNV-1a).
 *
 * @param text The text.
 * @param seed A random number, so that a peer cannot choose texts whose hashes are equal.
 * @param start Where to begin in the text.
 * @param end Where to stop.
 */
export function hashText(
  text: string,
  seed: number,
  start: number = 0,
  end: number = text.length,
): number {
  let hash = seed;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** Makes a seed that nobody else knows. */
export function makeSeed(): number {
  return Math.floor(Math.random() * 0x7fffffff);
}
