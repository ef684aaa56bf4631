import { isBrowserLoopback } from "../../loopback.ts";

/** A server named an address that must not be opened or fetched. */
export class UnsafeAddress extends Error {
  override readonly name = "UnsafeAddress";

  /**
   * @param what What the address is for, such as "token endpoint".
   * @param url The address; the message contains only its origin.
   */
  constructor(what: string, url: URL) {
    super(`its ${what} ${url.origin === "null" ? url.protocol : url.origin} is no https address`);
  }
}

/**
 * Whether an address may be opened in a browser or fetched: `https`, or `http` to this machine,
 * without a user name, which could make it look like another site's.
 */
export function isSafeAddress(url: URL): boolean {
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isBrowserLoopback(url.hostname));
}

/**
 * Parses an address that a server named.
 *
 * @param what What the address is for, for the error.
 * @throws {UnsafeAddress} if it must not be used.
 */
export function safeAddress(text: string | URL, what: string): URL {
  const url = new URL(text);
  if (!isSafeAddress(url)) throw new UnsafeAddress(what, url);
  return url;
}
