import { isLoopback } from "../../loopback.ts";

/** What a listener may be reached by. */
export interface GuardOptions {
  /** The address that is listened on. */
  readonly host: string;
  /** Host names that are allowed besides. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that are allowed. */
  readonly corsOrigins: readonly string[];
}

/** The methods that are looked at further. */
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

/** An address cannot be rebound: what a browser finds under it is what it asked for. */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/i;

/**
 * Whether the head of a request is what it says: one host, one of each header that counts, a method
 * that is known.
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

/** Whether it names a host: `999.9.9.9`, `[::::]` and port 99999 look as if they did. */
function isHost(header: string): boolean {
  return HOST.test(header) && URL.canParse(`http://${header}`);
}

/** Keeps web pages away that reach the listener through the browser of somebody who can. */
export class Guard {
  readonly #options: GuardOptions;
  readonly #isLocal: boolean;

  /** @param options See there. */
  constructor(options: GuardOptions) {
    this.#options = options;
    this.#isLocal = isLoopback(options.host);
  }

  /**
   * Whether the listener goes by the name that a request was sent to. A page that has had its own
   * name bound to our address (DNS rebinding) is known by that name.
   *
   * @param header The `Host` header.
   */
  allowsHost(header: string): boolean {
    const host = (HOST.exec(header)?.[1] ?? "").toLowerCase();
    const { allowedHosts, host: own } = this.#options;
    if (allowedHosts.includes(host) || isLoopback(host)) return true;
    return host === own.toLowerCase() || (!this.#isLocal && ADDRESS.test(host));
  }

  /**
   * Whether a web page may ask.
   *
   * @param origin The `Origin` header; programs that are no browsers send none.
   */
  allowsOrigin(origin: string | undefined): boolean {
    if (origin === undefined || this.#options.corsOrigins.includes(origin.toLowerCase())) {
      return true;
    }
    if (!this.#isLocal || !URL.canParse(origin)) return false;
    const { protocol, hostname } = new URL(origin);
    return /^https?:$/.test(protocol) && isLoopback(hostname);
  }

  /** Whether a web page may read the answers. */
  allowsReading(origin: string): boolean {
    return this.#options.corsOrigins.includes(origin.toLowerCase());
  }
}
