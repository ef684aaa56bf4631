/** The known methods; others are refused with 405. */
const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "DELETE",
  "OPTIONS",
  "PUT",
  "PATCH",
]);

/** Headers that may occur only once. If there were two, a proxy might use the first, and the gateway the second. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "content-length",
  "content-type",
  "host",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "origin",
]);

/**
 * Maximum number of headers of a request. More are refused: a proxy that ignores headers beyond its own
 * maximum would see a different request than the gateway.
 */
const MAX_HEADERS = 200;

const HOST = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/**
 * Checks that a request has a known method, one valid host, no duplicates of critical headers, and not too
 * many headers.
 *
 * @param method The request's method.
 * @param rawHeaders Names and values alternately, as received.
 * @returns The status to refuse the request with; `undefined` if it is valid.
 */
export function findHeadErrorStatus(
  method: string | undefined,
  rawHeaders: readonly string[],
): 400 | 405 | 431 | undefined {
  if (method === undefined || !METHODS.has(method)) return 405;
  if (rawHeaders.length > 2 * MAX_HEADERS) return 431;
  const foundHeaders = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    if (!SINGLE_HEADERS.has(name)) continue;
    if (foundHeaders.has(name)) return 400;
    foundHeaders.add(name);
    if (name === "host" && !isHost(rawHeaders[at + 1] ?? "")) return 400;
  }
  return foundHeaders.has("host") ? undefined : 400;
}

/** Returns the host name of a `Host` header in lower case, without the port; empty if invalid. */
export function readHost(header: string): string {
  return (HOST.exec(header)?.[1] ?? "").toLowerCase();
}

/** Whether the header names a valid host, unlike `999.9.9.9`, `[::::]` and port 99999. */
function isHost(header: string): boolean {
  return HOST.test(header) && URL.canParse(`http://${header}`);
}
