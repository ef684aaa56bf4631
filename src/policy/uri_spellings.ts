/**
 * Maximum length of a URI that can be judged, and of all its spellings together, in UTF-16 code units, and maximum
 * number of its spellings. An ordinary URI has one to four spellings. Finding them takes a millisecond for 4096 code
 * units, and servers may list thousands of URIs.
 */
const MAX_LENGTH = 4096;
const MAX_TOTAL_LENGTH = 16 * 1024;
const MAX_SPELLINGS = 64;

/**
 * Matches URIs that have one spelling, as those of most servers do: looking for other spellings takes twenty times as
 * long as searching a list. URIs whose hosts a URL parser changes are left out.
 */
const ORDINARY =
  /^(?:file:\/\/|(?!(?:https?|wss?|ftp|file):)[a-z][a-z\d+.-]*:\/\/[\w~-]+(?:\.[\w~-]+)*)(?:\/(?!\.{1,2}(?:\/|$))[\w~.@:!$&'()*+,;=-]+)+$/;

/**
 * The spellings of a URI: whole, without the fragment, and without query and fragment. These are separate lists, because
 * a pattern with a query must not match a URI whose query was removed.
 */
export type Spellings = readonly [
  whole: readonly string[],
  withoutFragment: readonly string[],
  withoutQuery: readonly string[],
];

/**
 * Returns every spelling by which a server may understand a URI: as written, as the URL parser normalizes it,
 * decoded, with slashes for backslashes, and with dot segments and repeated slashes resolved as text. Servers
 * differ in which of these steps they take, in which order and how often.
 *
 * @returns The URI as written is the first; `undefined` if the URI cannot be judged, because it is too long or
 * has too many spellings.
 */
export function spellingsOf(uri: string): Spellings | undefined {
  if (uri.length > MAX_LENGTH) return undefined;
  if (ORDINARY.test(uri)) return [[uri], [], []];
  const whole = new Set([uri]);
  let totalLength = 0;
  // A set also iterates over what is added meanwhile.
  for (const spelling of whole) {
    totalLength += spelling.length;
    if (totalLength > MAX_TOTAL_LENGTH) return undefined;
    for (const next of [...parsedSpellings(spelling), decode(spelling)]) whole.add(next);
    // A backslash may also be an ordinary character of a name.
    for (const text of [spelling, spelling.replaceAll("\\", "/")]) {
      for (const next of resolvedSpellings(text)) whole.add(next);
    }
    if (whole.size > MAX_SPELLINGS) return undefined;
  }
  const spellings = [...whole];
  const shorten = (change: (uri: string) => string) =>
    spellings.map(change).filter((spelling) => !whole.has(spelling));
  return [spellings, shorten(withoutFragment), shorten(withoutQuery)];
}

/** Returns a URI as the URL parser normalizes it, or unchanged if the parser cannot read it. */
export function normalize(uri: string): string {
  return URL.parse(uri)?.href ?? uri;
}

/** Removes the fragment of a URI, or of a pattern of URIs. */
export function withoutFragment(uri: string): string {
  return uri.replace(/#.*$/s, "");
}

/** Removes query and fragment of a URI, or of a pattern of URIs. */
export function withoutQuery(uri: string): string {
  return uri.replace(/[?#].*$/s, "");
}

/**
 * Returns the spellings of a URI by the URL parser: normalized, and without the parts of the authority that
 * lead to the same resource with many servers: the login, a trailing dot of the host, the host of a file.
 */
function parsedSpellings(text: string): string[] {
  const url = URL.parse(text);
  if (url === null) return [];
  const { href } = url;
  if (url.username !== "") url.username = "";
  if (url.password !== "") url.password = "";
  const host = url.protocol === "file:" ? "" : url.hostname.replace(/\.$/, "");
  if (host !== url.hostname) url.hostname = host;
  return [href, url.href];
}

/** Decodes each percent-encoded run that is in the text; a URL parser decodes only dots. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  return text.replace(/(?:%[\da-f]{2})+/gi, (run) => {
    const bytes = run.slice(1).split("%").map((digits) => Number.parseInt(digits, 16));
    // The decoder takes ten times as long for a short run.
    return bytes.every((byte) => byte < 0x80)
      ? String.fromCharCode(...bytes)
      : utf8.decode(Uint8Array.from(bytes));
  });
}

/** Matches scheme, authority and the rest of any text. */
const PARTS = /^([a-z][a-z\d+.-]*:)?(\/\/[^/?#]*)?(.*)$/is;

/**
 * Resolves dot segments and repeated slashes in the path. Some servers take all text after the authority for the path,
 * so the second spelling also resolves them in the query and the fragment.
 */
function resolvedSpellings(text: string): string[] {
  const [, scheme = "", authority = "", rest = ""] = PARTS.exec(text) ?? [];
  const lowerScheme = scheme.toLowerCase();
  // Servers often ignore the host of a file, and a URL parser refuses some hosts.
  const isFilePath = lowerScheme === "file:" && rest.startsWith("/");
  const start = lowerScheme + (isFilePath ? "//" : authority);
  const path = withoutQuery(rest);
  return [start + resolveDots(path) + rest.slice(path.length), start + resolveDots(rest)];
}

function resolveDots(path: string): string {
  const segments = path.split(/\/+/);
  const resolvedSegments: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === "." || segment === "..";
    if (!isDots) resolvedSegments.push(segment);
    // The empty segment before the first slash stays.
    else if (segment === ".." && (resolvedSegments.length > 1 || resolvedSegments[0] !== "")) {
      resolvedSegments.pop();
    }
    // As in a URL, a path that ends with dots is a folder.
    if (isDots && index === segments.length - 1) resolvedSegments.push("");
  }
  return resolvedSegments.join("/");
}
