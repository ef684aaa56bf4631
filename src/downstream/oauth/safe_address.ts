import { isBrowserLoopback } from "../../loopback.ts";

/** A server sent an address that must not be opened or fetched. */
export class UnsafeAddressError extends Error {
  override readonly name = "UnsafeAddressError";

  /**
   * @param purpose The purpose of the address, such as "token endpoint".
   * @param url The address; the message contains only its origin.
   */
  constructor(purpose: string, url: URL) {
    super(
      `its ${purpose} ${url.origin === "null" ? url.protocol : url.origin} is not an https address`,
    );
  }
}

/**
 * Whether an address may be opened in a browser or fetched: `https`, or `http` to this machine. An
 * address with a user name is not safe, because it may look like the address of another site.
 */
export function isSafeAddress(url: URL): boolean {
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isBrowserLoopback(url.hostname));
}

/**
 * Parses an address that a server sent.
 *
 * @param purpose The purpose of the address, for the error.
 * @throws {UnsafeAddressError} if it must not be used.
 */
export function parseSafeAddress(text: string | URL, purpose: string): URL {
  const url = new URL(text);
  if (!isSafeAddress(url)) throw new UnsafeAddressError(purpose, url);
  return url;
}
