/** The methods that are known; others are refused with 405. */
const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "DELETE",
  "OPTIONS",
  "PUT",
  "PATCH",
]);

/** Headers that must come once: of two, a proxy may read one and we the other. */
const SINGLE: ReadonlySet<string> = new Set([
  "authorization",
  "content-length",
  "content-type",
  "host",
  "last-event-id",
  "mcp-protocol-version",
  "mcp-session-id",
  "origin",
]);

/** How many headers a request may have: a server may forget those beyond a number of its own. */
const MOST_HEADERS = 200;

const HOST = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/**
 * Checks that a request has one host, one of each header that counts, and a known method.
 *
 * @param method The request's method.
 * @param rawHeaders Names and values in turn, as they came.
 * @returns The status to refuse it with.
 */
export function findHeadFault(
  method: string | undefined,
  rawHeaders: readonly string[],
): 400 | 405 | 431 | undefined {
  if (method === undefined || !METHODS.has(method)) return 405;
  if (rawHeaders.length > 2 * MOST_HEADERS) return 431;
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return 400;
    seen.add(name);
    if (name === "host" && !isHost(rawHeaders[at + 1] ?? "")) return 400;
  }
  return seen.has("host") ? undefined : 400;
}

/** The host name of a `Host` header in lower case, without its port; empty where it names none. */
export function readHost(header: string): string {
  return (HOST.exec(header)?.[1] ?? "").toLowerCase();
}

/** Whether it names a host: `999.9.9.9`, `[::::]` and port 99999 look as if they did. */
function isHost(header: string): boolean {
  return HOST.test(header) && URL.canParse(`http://${header}`);
}
