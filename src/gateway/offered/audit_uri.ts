/** The userinfo of a URI that the URL parser does not accept. */
const USERINFO = /^([^/?#]*[/\\]{2})[^/\\]*@/;

/**
 * Returns a URI for the records: without userinfo, query and fragment, which may have secrets.
 *
 * @param uri Any text; a client sends it as the URI of a resource.
 */
export function auditUri(uri: string): string {
  const end = uri.search(/[?#]/);
  const visible = end < 0 ? uri : uri.slice(0, end);
  // The parser also finds userinfo in malformed URIs, such as one with a tab or without a slash.
  const url = URL.parse(uri);
  if (url !== null && (url.username !== "" || url.password !== "")) {
    return `${url.protocol}//${url.host}${url.pathname}`;
  }
  return url === null ? visible.replace(USERINFO, "$1") : visible;
}
