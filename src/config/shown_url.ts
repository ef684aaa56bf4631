/**
 * Removes userinfo, query and fragment from a URL as written, variables unexpanded. Works on the
 * text, because a URL with variables in it cannot be parsed. A reference counts as one character, so
 * that nothing inside it splits the URL; its default is shortened in the same way.
 */
export function showUrl(written: string): string {
  const [references, text] = takeOut(written);
  const scheme = /^[^/?#]*?:\/\//.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length).replace(/[?#].*$/s, "");
  const authority = /^[^/\\]*/.exec(rest)?.[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const shown = putBack(scheme + host + rest.slice(authority.length), references);
  // The parser also accepts malformed URLs, with tabs inside or a missing slash, that hide userinfo.
  const url = references.length === 0 ? URL.parse(written) : null;
  if (!url?.protocol.startsWith("http")) return shown;
  url.username =
    url.password =
    url.search =
    url.hash =
      "";
  return URL.parse(shown)?.href === url.href ? shown : url.href;
}

/** The first of the private use characters that stand in for references. */
const standIn = 0xe000;

/** Returns the outermost references, and the text with a stand-in for each. */
function takeOut(written: string): [string[], string] {
  const references: string[] = [];
  let text = "";
  let at = 0;
  // A private use character in the text would be confused with a stand-in.
  const clean = written.replace(/[\ue000-\uf8ff]/g, "");
  while (at < clean.length) {
    const start = clean.indexOf("${", at);
    const end = start < 0 || references.length > 1000 ? -1 : closing(clean, start);
    if (end < 0) break;
    text += clean.slice(at, start) + String.fromCharCode(standIn + references.length);
    references.push(clean.slice(start, end));
    at = end;
  }
  return [references, text + clean.slice(at)];
}

/** Returns the offset after the `}` of a reference, or -1. */
function closing(text: string, start: number): number {
  let depth = 0;
  for (const brace of text.slice(start).matchAll(/\$\{|\}/g)) {
    depth += brace[0] === "}" ? -1 : 1;
    if (depth === 0) return start + brace.index + 1;
  }
  return -1;
}

function putBack(text: string, references: readonly string[]): string {
  let shown = "";
  for (const letter of text) {
    const reference = references[letter.charCodeAt(0) - standIn];
    if (reference === undefined) {
      shown += letter;
      continue;
    }
    const [name = "", ...fallback] = reference.slice(0, -1).split(":-");
    const written = fallback.join(":-");
    const cut = written === "" ? "" : showUrl(written);
    shown += fallback.length === 0 ? reference : `${name}:-${cut}}`;
    // If the default contains a query, everything after it belongs to that query.
    if (/[?#]/.test(written)) break;
  }
  return shown;
}
