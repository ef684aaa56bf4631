/** Maximum number of cookies, and maximum length of a cookie in UTF-16 code units. */
const MAX_COOKIES = 16;
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
  // The keys are name and path; the oldest cookie is the first.
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
    for (const header of headers.getSetCookie()) this.#storeCookie(header, url);
  }

  /**
   * Returns the `Cookie` header of a request.
   *
   * @param url The url of the request.
   * @param configured The `Cookie` header of the server's entry; its cookies take precedence.
   * @returns `undefined` if there is no cookie to send.
   */
  headerFor(url: URL, configured: string | null): string | undefined {
    if (this.#cookies.size === 0) return configured ?? undefined;
    const configuredPairs = (configured ?? "").split(";").map((pair) => pair.trim())
      .filter((pair) => pair !== "");
    const configuredNames = new Set(configuredPairs.map((pair) => pair.split("=", 1)[0]));
    const now = this.#now();
    const storedPairs = [...this.#cookies.values()]
      .filter((cookie) => {
        return cookie.expiresAt > now && !configuredNames.has(cookie.name) &&
          isWithin(url, cookie.path);
      })
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`);
    const pairs = [...configuredPairs, ...storedPairs];
    return pairs.length === 0 ? undefined : pairs.join("; ");
  }

  #storeCookie(header: string, url: URL): void {
    const [pair = "", ...attributeTexts] = header.split(";");
    const equals = pair.indexOf("=");
    const name = pair.slice(0, equals).trim();
    if (equals < 0 || name === "" || header.length > MAX_COOKIE_LENGTH) return;
    const attributes = new Map(attributeTexts.map((attribute) => {
      const [key = "", ...value] = attribute.split("=");
      return [key.trim().toLowerCase(), value.join("=").trim()];
    }));
    if (!mayUseDomain(url.hostname, attributes.get("domain"))) return;
    if (attributes.has("secure") && url.protocol !== "https:") return;
    const pathAttribute = attributes.get("path") ?? "";
    const path = pathAttribute.startsWith("/") ? pathAttribute : defaultPath(url);
    const key = `${name};${path}`;
    const expiresAt = this.#expiryOf(attributes);
    if (expiresAt <= this.#now()) return void this.#cookies.delete(key);
    // A cookie that is set again keeps its position in the map.
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

/** Whether a host may set cookies for the domain of an attribute: the host itself or a parent domain. */
function mayUseDomain(host: string, domainAttribute: string | undefined): boolean {
  const domain = domainAttribute?.replace(/^\./, "").toLowerCase() ?? "";
  return domain === "" || host === domain || host.endsWith(`.${domain}`);
}

function isWithin({ pathname }: URL, path: string): boolean {
  if (!pathname.startsWith(path)) return false;
  return path.endsWith("/") || pathname.length === path.length || pathname[path.length] === "/";
}

/** Returns the path of a cookie without a `Path` attribute: the folder of the request's path. */
function defaultPath({ pathname }: URL): string {
  return pathname.slice(0, Math.max(1, pathname.lastIndexOf("/")));
}
