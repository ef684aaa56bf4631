/** An address that a server named is not one that may be opened or fetched. */
export class UnsafeAddress extends Error {
  override readonly name = "UnsafeAddress";

  /**
   * Says which.
   *
   * @param what What the address is of, such as "token endpoint".
   * @param url The address; only its origin is told.
   */
  constructor(what: string, url: URL) {
    super(`its ${what} ${url.origin === "null" ? url.protocol : url.origin} is no https address`);
  }
}

/**
 * Whether an address may be opened in a browser or fetched: `https`, or `http` to this machine, and
 * without a user name, which would make it look like another site's.
 *
 * @param url Any address.
 */
export function isSafeAddress(url: URL): boolean {
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

/**
 * Reads an address that a server named.
 *
 * @param text The address.
 * @param what What it is of, for the error.
 * @throws {UnsafeAddress} where it may not be used.
 */
export function safeAddress(text: string | URL, what: string): URL {
  const url = new URL(text);
  if (!isSafeAddress(url)) throw new UnsafeAddress(what, url);
  return url;
}

/** Whether a host of an address is this machine. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(host);
}
