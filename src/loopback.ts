/**
 * Recognizes loopback addresses, which always mean this machine. A leaf: imports nothing of the project.
 *
 * @module
 */

/**
 * Whether an address or host name always means this machine: `localhost`, 127.0.0.0/8 and `::1`. No other
 * machine can connect to it or answer for it.
 *
 * @param host An IPv4 or IPv6 address, with or without brackets, or a host name.
 */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, "").toLowerCase().replace(/^::ffff:(?=\d)/, "");
  return address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * Whether a host name means this machine to a browser. Browsers resolve every name below `localhost` to this
 * machine; other programs may ask a name server.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6761#section-6.3}
 */
export function isBrowserLoopback(host: string): boolean {
  return isLoopback(host) || host.endsWith(".localhost");
}

/** Whether a URL is `http` to this machine, which others cannot read or change in transit. */
export function isLoopbackUrl(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "http:" && isLoopback(url.hostname);
}

/** Whether others cannot read or change requests to a URL in transit: `https`, or `http` to this machine. */
export function isSecureUrl(text: string): boolean {
  return URL.parse(text)?.protocol === "https:" || isLoopbackUrl(text);
}
