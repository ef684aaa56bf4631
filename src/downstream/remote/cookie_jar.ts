/** Maximum number of cookies, and maximum length of a cookie in UTF-16 code units. */
const MAX_COOKIES = 50;
const MAX_COOKIE_LENGTH = 4096;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** Time of its expiry, in milliseconds since 1970; `Infinity` for never. */
  readonly expiresAt: number;
}

/**
 * The cookies of one session, by which load balancers find the replica that holds the session. All requests
 * of a session go to one origin, so the domain of a cookie matters only when the cookie is stored.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6265#section-5}
 */
export class CookieJar {
  readonly #now: () => number;
  // By name and path, the oldest first.
  readonly #cookies = new Map<string, Cookie>();

  /** @param now Returns the time in milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The values, which are secrets. */
  get values(): string[] {
    return [...this.#cookies.values()].map(({ value }) => value);
  }

  /**
   * Stores the cookies that a response sets.
   *
   * @param headers The headers of the response.
   * @param url The url of the request.
   */
  store(headers: Headers, url: URL): void {
    for (const line of headers.getSetCookie()) this.#storeCookie(line, url);
  }

  /**
   * Returns the `Cookie` header of a request.
   *
   * @param url The url of the request.
   * @param configured The header of the server's entry; its cookies take precedence.
   * @returns `undefined` if there is no cookie to send.
   */
  headerFor(url: URL, configured: string | null): string | undefined {
    if (this.#cookies.size === 0) return configured ?? undefined;
    const configuredPairs = (configured ?? "").split(";").map((pair) => pair.trim()).filter((
      pair,
    ) => pair);
    const names = new Set(configuredPairs.map((pair) => pair.split("=", 1)[0]));
    const now = this.#now();
    const storedPairs = [...this.#cookies.values()]
      .filter((cookie) => {
        return cookie.expiresAt > now && !names.has(cookie.name) && isWithin(url, cookie.path);
      })
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`);
    const pairs = [...configuredPairs, ...storedPairs];
    return pairs.length === 0 ? undefined : pairs.join("; ");
  }

  #storeCookie(line: string, url: URL): void {
    const [pair = "", ...attributeTexts] = line.split(";");
    const equals = pair.indexOf("=");
    const name = pair.slice(0, equals).trim();
    if (equals < 0 || name === "" || line.length > MAX_COOKIE_LENGTH) return;
    const attributes = new Map(attributeTexts.map((attribute) => {
      const [key = "", ...value] = attribute.split("=");
      return [key.trim().toLowerCase(), value.join("=").trim()];
    }));
    if (!isForHost(attributes.get("domain"), url.hostname)) return;
    if (attributes.has("secure") && url.protocol !== "https:") return;
    const pathAttribute = attributes.get("path") ?? "";
    const path = pathAttribute.startsWith("/") ? pathAttribute : defaultPath(url);
    const key = `${name};${path}`;
    const expiresAt = this.#expiryOf(attributes);
    // A cookie that is set again keeps its position in the map, and does not evict another.
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

/** Whether a host may set cookies for a domain, which must be the host itself or a parent domain. */
function isForHost(attribute: string | undefined, host: string): boolean {
  const domain = attribute?.replace(/^\./, "").toLowerCase() ?? "";
  return domain === "" || host === domain || host.endsWith(`.${domain}`);
}

function isWithin({ pathname }: URL, path: string): boolean {
  if (!pathname.startsWith(path)) return false;
  return path.endsWith("/") || pathname.length === path.length || pathname[path.length] === "/";
}

/** Returns the folder of the path of a url. */
function defaultPath({ pathname }: URL): string {
  return pathname.slice(0, Math.max(1, pathname.lastIndexOf("/")));
}
