/**
 * A url as written, variables unexpanded, without userinfo, query and fragment. Works on the
 * text, because a url with variables in it cannot be parsed; a reference counts as one letter,
 * so that nothing within it splits the url, and its default is cut in the same way.
 */
export function showUrl(written: string): string {
  const [references, text] = takeOut(written);
  const scheme = /^[^/?#]*?:\/\//.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length).replace(/[?#].*$/s, "");
  const authority = /^[^/\\]*/.exec(rest)?.[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const shown = putBack(scheme + host + rest.slice(authority.length), references);
  // The parser also takes odd forms, such as tabs within or a missing slash, that hide userinfo.
  const url = references.length === 0 ? URL.parse(written) : null;
  if (!url?.protocol.startsWith("http")) return shown;
  url.username =
    url.password =
    url.search =
    url.hash =
      "";
  return URL.parse(shown)?.href === url.href ? shown : url.href;
}

/** Letters of a private use area stand in for references. */
const standIn = 0xe000;

/** The outermost references, and the text with a stand-in for each. */
function takeOut(written: string): [string[], string] {
  const references: string[] = [];
  let text = "";
  let at = 0;
  // A written letter of the private use area would be taken for a stand-in.
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

/** Offset behind the `}` of a reference, or -1. */
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
    // Where the default has a query, all that follows belongs to it.
    if (/[?#]/.test(written)) break;
  }
  return shown;
}
