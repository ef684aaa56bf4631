/**
 * Hashes a text, or a part of it (FNV-1a).
 *
 * @param seed A random number, so that a peer cannot choose texts with equal hashes.
 */
export function fnv1a(
  text: string,
  seed: number,
  start: number = 0,
  end: number = text.length,
): number {
  let hash = seed;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** Returns a random seed. */
export function makeSeed(): number {
  return Math.floor(Math.random() * 0x7fffffff);
}
