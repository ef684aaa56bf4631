/**
 * Reads the hosts of URLs, and patterns of hosts. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Maximum length of a URL, in UTF-16 code units. */
const MAX_LENGTH = 64 * 1024;

/** Schemes whose programs ignore the host: browsers open `file://example.com/etc/passwd` on this machine. */
const WITHOUT_HOST: ReadonlySet<string> = new Set(["file:", "javascript:"]);

/** Schemes of the web: their programs read the host as the URL parser does. */
const WEB_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "ws:", "wss:"]);

/**
 * Matches what programs of other schemes may read as further hosts: `mongodb://a,b/`, `postgres://a/x?host=b`,
 * `sqlserver://a;server=b`.
 */
const FURTHER_HOSTS = /[,;?]/;

/** Matches what may be a character that becomes another name in an older standard, such as `ß`, which becomes `ss`. */
const AMBIGUOUS_CHARACTER =
  /[\u00df\u1e9e\u03c2\u200c\u200d]|%c3%9f|%e1%ba%9e|%cf%82|%e2%80%8[cd]/i;

/** Matches URLs with a backslash at the end of the authority. */
const BACKSLASH_AFTER_HOST = /^[^:]*:[\\/]*[^\\/?#]+\\/;

/**
 * Returns the host of a URL: normalized by the URL parser, without port and brackets, and without one dot at the end.
 *
 * @returns `undefined` if the text is not a URL with a host, or if programs may differ about its host.
 */
export function hostOf(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const url = URL.parse(text);
  if (url === null || url.hostname === "" || WITHOUT_HOST.has(url.protocol)) return undefined;
  if (!WEB_SCHEMES.has(url.protocol) && FURTHER_HOSTS.test(text)) return undefined;
  if (url.hostname.includes("xn--") && AMBIGUOUS_CHARACTER.test(text)) return undefined;
  // In `http://a\@b`, the host is `a` for some programs and `b` for others; in `http://a\.b`, it is `a` or `a\.b`.
  const backslash = text.indexOf("\\");
  const isAmbiguous = backslash >= 0 &&
    (text.lastIndexOf("@") > backslash || BACKSLASH_AFTER_HOST.test(text));
  if (isAmbiguous) return undefined;
  return normalizeHost(url.hostname);
}

/**
 * Normalizes a pattern of hosts as `hostOf` normalizes hosts, so that Unicode becomes punycode.
 *
 * @returns `undefined` if no host can match.
 */
export function normalizeHostPattern(pattern: string): string | undefined {
  if (!/[*?]/.test(pattern)) {
    const isBareAddress = pattern.includes(":") && !pattern.startsWith("[");
    const isHost = /^(?:\[[^\]]*\]|[^/\\@:#\s%[\]]+)$/.test(
      isBareAddress ? `[${pattern}]` : pattern,
    );
    return isHost ? normalizeHost(isBareAddress ? `[${pattern}]` : pattern) : undefined;
  }
  if (pattern.includes(":")) {
    return /^(?:[\da-f.*?]*:){2,}[\da-f.*?]*$/i.test(pattern) ? pattern.toLowerCase() : undefined;
  }
  const labels = pattern.replace(/\.$/, "").toLowerCase().split(".").map((label) => {
    if (/^[a-z\d*?_-]+$/.test(label)) return label;
    const isUnicode = /^[^*?/\\@:#\s%[\]]+$/.test(label);
    return isUnicode ? normalizeHost(label) : undefined;
  });
  return labels.includes(undefined) ? undefined : labels.join(".");
}

/** Hosts of some schemes are not normalized by the URL parser, so each is read as that of an http URL. */
function normalizeHost(hostname: string): string | undefined {
  const host = URL.parse(`http://${hostname}/`)?.hostname.replace(/^\[(.*)\]$/, "$1");
  return host === undefined ? undefined : toIpv4(host).replace(/\.$/, "") || undefined;
}

/** Returns the IPv4 address in an IPv6 address that stands for one, such as `::ffff:7f00:1`; other hosts unchanged. */
function toIpv4(host: string): string {
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(host) ?? [];
  if (high === undefined || low === undefined) return host;
  return [high, low].flatMap((text) => {
    const number = parseInt(text, 16);
    return [number >> 8, number & 255];
  }).join(".");
}
