import { MAX_URI_LENGTH } from "./uri_template.ts";

/** Matches userinfo, also that of a URI inside of another one, such as `jdbc:postgresql://user:password@host/`. */
const USERINFO = /([/\\]{2})[^/\\]*@/g;

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
  const end = uri.search(/[?#]/);
  const visible = end < 0 ? uri : uri.slice(0, end);
  // The parser also finds userinfo in malformed URIs, such as one with a tab or without a slash.
  const url = URL.parse(uri);
  const hasUserinfo = url !== null && (url.username !== "" || url.password !== "");
  const text = hasUserinfo ? `${url.protocol}//${url.host}${url.pathname}` : visible;
  return text.replace(USERINFO, "$1");
}
