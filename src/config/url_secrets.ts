/** More levels of references than `expandText` accepts. */
const MAX_LEVELS = 9;

/**
 * Removes userinfo, query and fragment from a URL as written, variables unexpanded. Works on the
 * text, because a URL with variables in it cannot be parsed. A default that may contain parts of a
 * URL is left out, with what follows its query.
 */
export function removeUrlSecrets(written: string): string {
  // Brackets that are not in the text mark the references that were read, the inner ones first.
  let text = written.replace(/[\ue000\ue001]/g, "");
  for (let level = 0; level < MAX_LEVELS && text.includes("${"); level++) {
    text = text.replace(
      /\$\{([\w.():]+?)(?::-([^{}]*))?\}/g,
      (_, name: string, fallback?: string) => {
        if (fallback === undefined) return `\ue000${name}\ue001`;
        const shown = /^[\w.-]*$/.test(fallback) ? fallback : "…";
        return `\ue000${name}:-${shown}\ue001${/[?#]/.test(fallback) ? "?" : ""}`;
      },
    );
  }
  const [, scheme = "", rest = ""] = /^([^/\\?#@]*?:[/\\]+)?([^?#]*)/.exec(text) ?? [];
  const host = rest.search(/[/\\]|$/);
  const shown = scheme + rest.slice(0, host).replace(/^.*@/s, "") + rest.slice(host);
  // The parser also accepts malformed URLs, with tabs inside or a missing slash, that hide userinfo.
  const url = text.includes("\ue000") ? null : URL.parse(written);
  if (url?.protocol.startsWith("http")) {
    const { protocol, host, pathname } = url;
    const href = `${protocol}//${host}${pathname}`;
    if (URL.parse(shown)?.href !== href) return href;
  }
  return shown.replaceAll("\ue000", "${").replaceAll("\ue001", "}");
}
