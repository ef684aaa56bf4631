/**
 * Reads the hosts of URLs, and patterns of hosts. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Maximum length of a URL, in UTF-16 code units. */
const MAX_LENGTH = 64 * 1024;

/** Schemes whose programs ignore the host: browsers open `file://example.com/etc/passwd` on this machine. */
const WITHOUT_HOST: ReadonlySet<string> = new Set(["file:", "javascript:"]);

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
  return host?.replace(/\.$/, "") || undefined;
}
