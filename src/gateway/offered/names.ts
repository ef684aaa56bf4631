import { fnv1a } from "../../jsonrpc/mod.ts";

/** Separates the names of the server and of its item. */
const SEPARATOR = "__";

const PLAIN = /^[A-Za-z0-9_-]+$/;
const NOT_PLAIN = /[^A-Za-z0-9_-]/g;

/** Matches the hash at the end of a name, with the character before it. */
const HASH = /^_[0-9a-f]{6}$/;

/** Length of the hash with the character before it. */
const HASH_LENGTH = 7;

/** Seed of the hash, the offset basis of FNV-1a. Constant, because names must not change. */
const HASH_SEED = 0x811c9dc5;

/** A tool or a prompt of a server. */
export interface ServerItem {
  /** The server's name. */
  readonly server: string;
  /** The item's name at its server. */
  readonly name: string;
}

/**
 * Returns the name under which a tool or a prompt of a server is offered to clients. It depends only on the two names
 * and the limit: `SERVER__NAME` where both can be read from it again, otherwise a similar text that ends in a hash of
 * both.
 *
 * @param maxLength The maximum length of the name, in characters.
 */
export function offeredName({ server, name }: ServerItem, maxLength: number): string {
  const wholeName = `${server}${SEPARATOR}${name}`;
  const isPlain = wholeName.length <= maxLength && PLAIN.test(wholeName) &&
    // With these, two different pairs could have the same name.
    !server.includes(SEPARATOR) && !server.endsWith("_") && !name.includes(SEPARATOR) &&
    !hasHash(wholeName);
  if (isPlain) return wholeName;
  const start = wholeName.slice(0, maxLength).replace(NOT_PLAIN, "_")
    .slice(0, maxLength - HASH_LENGTH);
  return `${start}_${hashOf(`${server}\0${name}`)}`;
}

/**
 * Reads the server and the item from an offered name.
 *
 * @param maxLength The maximum length of names.
 * @returns `undefined` if the name ends in a hash, or is not an offered name.
 */
export function readOfferedName(offered: string, maxLength: number): ServerItem | undefined {
  if (offered.length > maxLength) return undefined;
  const end = offered.indexOf(SEPARATOR);
  if (end <= 0 || end + SEPARATOR.length === offered.length) return undefined;
  const item = { server: offered.slice(0, end), name: offered.slice(end + SEPARATOR.length) };
  return offeredName(item, maxLength) === offered ? item : undefined;
}

/** Whether a name ends like one with a hash. */
export function hasHash(offered: string): boolean {
  return HASH.test(offered.slice(-HASH_LENGTH));
}

/** Whether a name has a hash and may belong to an item of the server. Only the server's list shows to which item. */
export function mayBeHashedNameOf(server: string, offered: string): boolean {
  if (!hasHash(offered)) return false;
  const start = `${server}${SEPARATOR}`.slice(0, offered.length).replace(NOT_PLAIN, "_");
  const length = Math.min(start.length, offered.length - HASH_LENGTH);
  return offered.startsWith(start.slice(0, length));
}

/** Returns six hex digits. */
function hashOf(text: string): string {
  const hash = fnv1a(text, HASH_SEED) >>> 0;
  // Folded to 24 bits, because the lowest bits of the hash depend only on the lowest bits of the characters.
  return ((hash >>> 24) ^ (hash & 0xffffff)).toString(16).padStart(6, "0");
}
