/** Whether an address is safe from tampering in transit: https, or http on this machine. */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  const local = ["localhost", "127.0.0.1", "[::1]"];
  return url?.protocol === "https:" ||
    (url?.protocol === "http:" && local.includes(url.hostname));
}
