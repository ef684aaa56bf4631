/** Limits of cookies: their number, and the length of one in UTF-16 code units. */
const MAX_COOKIES = 50;
const MAX_SIZE = 4096;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** When it expires, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * The cookies of one session. Balancers find the replica that holds a session by a cookie. All
 * requests of a session go to one origin, so a domain only decides whether a cookie is accepted.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6265#section-5}
 */
export class CookieJar {
  readonly #now: () => number;
  // By name and path, the oldest first.
  readonly #cookies = new Map<string, Cookie>();

  /** @param now Milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The values, which are secrets. */
  get values(): string[] {
    return [...this.#cookies.values()].map(({ value }) => value);
  }

  /**
   * Keeps the cookies that an answer sets.
   *
   * @param headers The answer's headers.
   * @param url The url of the request.
   */
  keep(headers: Headers, url: URL): void {
    for (const line of headers.getSetCookie()) this.#keep(line, url);
  }

  /**
   * Returns the `Cookie` header of a request.
   *
   * @param url The url of the request.
   * @param configured The header of the server's entry; its cookies take precedence.
   * @returns `undefined` if there is no cookie to send.
   */
  header(url: URL, configured: string | null): string | undefined {
    if (this.#cookies.size === 0) return configured ?? undefined;
    const own = (configured ?? "").split(";").map((pair) => pair.trim()).filter((pair) => pair);
    const names = new Set(own.map((pair) => pair.split("=", 1)[0]));
    const now = this.#now();
    const kept = [...this.#cookies.values()]
      .filter((one) => one.expiresAt > now && !names.has(one.name) && isWithin(url, one.path))
      .sort((one, other) => other.path.length - one.path.length)
      .map(({ name, value }) => `${name}=${value}`);
    const all = [...own, ...kept];
    return all.length === 0 ? undefined : all.join("; ");
  }

  #keep(line: string, url: URL): void {
    const [pair = "", ...rest] = line.split(";");
    const equals = pair.indexOf("=");
    const name = pair.slice(0, equals).trim();
    if (equals < 0 || name === "" || line.length > MAX_SIZE) return;
    const attributes = new Map(rest.map((one) => {
      const [key = "", ...value] = one.split("=");
      return [key.trim().toLowerCase(), value.join("=").trim()];
    }));
    if (!isForHost(attributes.get("domain"), url.hostname)) return;
    if (attributes.has("secure") && url.protocol !== "https:") return;
    const own = attributes.get("path") ?? "";
    const path = own.startsWith("/") ? own : defaultPath(url);
    const key = `${name};${path}`;
    const expiresAt = this.#expiryOf(attributes);
    // A cookie that is set again keeps its position, and evicts no other.
    if (expiresAt <= this.#now()) return void this.#cookies.delete(key);
    this.#cookies.set(key, { name, value: pair.slice(equals + 1).trim(), path, expiresAt });
    if (this.#cookies.size > MAX_COOKIES) {
      const [oldest = ""] = this.#cookies.keys();
      this.#cookies.delete(oldest);
    }
  }

  #expiryOf(attributes: ReadonlyMap<string, string>): number {
    const maxAge = attributes.get("max-age");
    if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return this.#now() + Number(maxAge) * 1000;
    const expires = Date.parse(attributes.get("expires") ?? "");
    return Number.isNaN(expires) ? Infinity : expires;
  }
}

/** Whether a host may set cookies for a domain: its own, or one that it is in. */
function isForHost(attribute: string | undefined, host: string): boolean {
  const domain = attribute?.replace(/^\./, "").toLowerCase() ?? "";
  return domain === "" || host === domain || host.endsWith(`.${domain}`);
}

function isWithin({ pathname }: URL, path: string): boolean {
  if (!pathname.startsWith(path)) return false;
  return path.endsWith("/") || pathname.length === path.length || pathname[path.length] === "/";
}

/** The folder of the requested path. */
function defaultPath({ pathname }: URL): string {
  return pathname.slice(0, Math.max(1, pathname.lastIndexOf("/")));
}
