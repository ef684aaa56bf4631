/** More levels of references than `expandText` accepts. */
const MAX_LEVELS = 9;

/**
 * Removes userinfo, query and fragment from a URL in the servers file, whose variables are not
 * expanded. Works on the text, because a URL with variables cannot be parsed. Replaces a default
 * that may contain parts of a URL with `…`; if it contains `?` or `#`, removes everything after the
 * variable.
 */
export function removeUrlSecrets(urlText: string): string {
  // References are replaced by texts in private-use characters, which the URL does not contain.
  // Nested references are replaced first.
  let text = urlText.replace(/[\ue000\ue001]/g, "");
  for (let level = 0; level < MAX_LEVELS && text.includes("${"); level++) {
    text = text.replace(
      /\$\{([\w.():]+?)(?::-([^{}]*))?\}/g,
      (_, name: string, fallback?: string) => {
        if (fallback === undefined) return `\ue000${name}\ue001`;
        const visibleDefault = /^[\w.-]*$/.test(fallback) ? fallback : "…";
        return `\ue000${name}:-${visibleDefault}\ue001${/[?#]/.test(fallback) ? "?" : ""}`;
      },
    );
  }
  const [, scheme = "", hostAndPath = ""] = /^([^/\\?#@]*?:[/\\]+)?([^?#]*)/.exec(text) ?? [];
  const hostEnd = hostAndPath.search(/[/\\]|$/);
  const visibleUrl = scheme + hostAndPath.slice(0, hostEnd).replace(/^.*@/s, "") +
    hostAndPath.slice(hostEnd);
  // The parser also accepts malformed URLs, with tabs inside or a missing slash, that hide
  // userinfo.
  const url = text.includes("\ue000") ? null : URL.parse(urlText);
  if (url?.protocol.startsWith("http")) {
    const { protocol, host, pathname } = url;
    const href = `${protocol}//${host}${pathname}`;
    if (URL.parse(visibleUrl)?.href !== href) return href;
  }
  return visibleUrl.replaceAll("\ue000", "${").replaceAll("\ue001", "}");
}
