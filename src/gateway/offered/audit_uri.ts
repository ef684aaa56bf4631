import { MAX_URI_LENGTH } from "./uri_template.ts";

/** Matches userinfo, also that of a URI inside of another one, such as `jdbc:postgresql://user:password@host/`. */
const USERINFO = /([/\\]{2})[^/\\]*@/g;

/** Matches what follows two slashes: a host with a port, after userinfo if there is any. */
const AUTHORITY = /[/\\]{2}([^/\\?#]*)/g;

/** Matches a host with or without a port. */
const HOST = /^(?:\[.*\]|[^:]*)(?::\d*)?$/;

/** The text in the records instead of a URI that is too long. */
const LONG_URI = "(too long)";

/**
 * Returns a URI for the records: without userinfo, query and fragment, which may have secrets.
 *
 * @param uri Any text; a client sends it as the URI of a resource.
 */
export function auditUri(uri: string): string {
  // No server is known to have such a URI. It is not parsed, because that could take long.
  if (uri.length > MAX_URI_LENGTH) return LONG_URI;
  // The parser also finds userinfo in malformed URIs, such as one with a tab or without a slash.
  const url = URL.parse(uri);
  const hasUserinfo = url !== null && (url.username !== "" || url.password !== "");
  const text = hasUserinfo ? `${url.protocol}//${url.host}${url.pathname}` : uri;
  return hideUnencodedUserinfo(text) ?? withoutQuery(text).replace(USERINFO, "$1");
}

/**
 * Hides userinfo whose password has a slash, `?` or `#` that is not percent-encoded, so that it is no userinfo to a
 * parser. Returns `undefined` if there is none.
 */
function hideUnencodedUserinfo(uri: string): string | undefined {
  const atSign = uri.lastIndexOf("@");
  const pathEnd = withoutQuery(uri).length;
  for (const { index, 1: authority = "" } of uri.matchAll(AUTHORITY)) {
    if (index > atSign || index > pathEnd) return undefined;
    if (authority.includes("@") || HOST.test(authority)) continue;
    return `${uri.slice(0, index)}//(hidden)${withoutQuery(uri.slice(atSign))}`;
  }
  return undefined;
}

function withoutQuery(uri: string): string {
  return uri.replace(/[?#][^]*$/, "");
}
