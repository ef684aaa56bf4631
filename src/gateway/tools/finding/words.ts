/** Splits texts into words, and reduces words to their stems. */

/** Maximum length of a word that is read, in UTF-16 code units; longer ones are hashes or data. */
const MAX_WORD_LENGTH = 40;

/** The stems of words that the rules below would not reduce to the same stem as their other forms. */
const IRREGULAR: ReadonlyMap<string, string> = new Map(
  [
    ["writ", "wrote", "written", "writer"],
    ["run", "ran", "running"],
    ["find", "found"],
    ["take", "took", "taken"],
    ["make", "made"],
    ["send", "sent"],
    ["get", "got", "gotten"],
    ["go", "went", "gone", "going", "goes"],
    ["see", "saw", "seen"],
    ["build", "built"],
    ["know", "knew", "known"],
    ["keep", "kept"],
    ["break", "broke", "broken"],
    ["think", "thought", "thoughts"],
    ["choos", "chose", "chosen"],
    ["hide", "hid", "hidden"],
    ["analyz", "analysis", "analyses", "analytics", "analyse"],
    ["index", "indexes", "indices"],
    ["person", "people", "persons"],
    ["child", "children"],
    ["documentation", "documentation", "docs", "doc"],
    ["repositori", "repo", "repos"],
    ["directori", "dir", "dirs"],
    ["databas", "db", "dbs"],
    ["imag", "img", "imgs"],
    ["messag", "msg", "msgs"],
    ["configur", "config", "configs", "cfg"],
    ["environ", "env", "envs"],
    ["specif", "spec", "specs"],
    ["paramet", "param", "params"],
    ["argument", "arg", "args"],
    ["develop", "dev"],
    ["appl", "app", "apps", "application", "applications"],
    ["admin", "administrator", "administrators"],
    ["javascript", "js"],
    ["typescript", "ts"],
    ["new", "news"],
    ["access", "accessible"],
    ["accessibl", "accessibility", "a11y"],
    ["import", "imports", "imported", "importing"],
    ["gener", "generate", "generates", "generated", "generating", "generation"],
    ["general", "generally"],
    ["organ", "organization", "organizations", "organisation", "org", "orgs"],
    ["univers", "universal"],
    ["url", "urls"],
    ["use", "used", "using", "uses", "usage"],
    ["add", "adds", "adding", "added", "addition", "additional"],
    ["creat", "creation", "creator"],
    ["edit", "editor"],
    ["stor", "storage"],
    ["summar", "summary", "summaries"],
    ["crawl", "crawler"],
    ["scrap", "scraper"],
    ["lint", "linter"],
    ["leav", "left"],
    ["busi", "business", "businesses"],
    ["busy", "busier"],
    ["perform", "perf"],
    ["authent", "auth", "authentication", "authenticate"],
    ["number", "num", "nums"],
    ["inform", "info", "infos"],
  ].flatMap(([stem = "", ...forms]) => forms.map((form): [string, string] => [form, stem])),
);

/** Matches a word in a text that is not ASCII only. Compiled when first needed, because it would slow each start. */
let unicodeWord: RegExp | undefined;

/**
 * Returns the words of a text, in lower case. Punctuation separates words, and a capital letter after a small one begins
 * a word: `getUserByID` and `get_user-by.id` have the same words. Each character of a script without spaces is a word.
 */
export function splitWords(text: string): string[] {
  const separated = text
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase();
  // An apostrophe belongs to its word: `don't`, `page's`.
  const plain = separated.replace(/['\u2019](s|t|re|ve|ll|d|m)\b/g, "");
  // deno-lint-ignore no-control-regex
  const words = /^[\x00-\x7f]*$/.test(plain) ? plain.match(/[a-z0-9]+/g) : plain.match(
    unicodeWord ??= /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}]+/gu,
  );
  return (words ?? []).filter((word) => word.length <= MAX_WORD_LENGTH);
}

const stems = new Map<string, string>();

/** Maximum number of stems that are kept, because texts of servers may have any words. */
const MAX_KEPT_STEMS = 20_000;

/**
 * Returns the stem that the forms of an English word share: `creating` and `creation` become `creat`.
 *
 * @param word A word in lower case.
 */
export function stemWord(word: string): string {
  let stem = stems.get(word);
  if (stem !== undefined) return stem;
  stem = IRREGULAR.get(word) ?? (/^[a-z]{3,}$/.test(word) ? stemRegular(word) : word);
  stem = IRREGULAR.get(stem) ?? stem;
  if (stems.size >= MAX_KEPT_STEMS) stems.clear();
  stems.set(word, stem);
  return stem;
}

/** Returns the number of vowel groups that consonants follow, Porter's measure of the length of a stem. */
function measure(stem: string): number {
  return stem.replace(/([^aeiou])y/g, "$1i").replace(/^[^aeiou]+/, "").match(/[aeiou]+[^aeiou]+/g)
    ?.length ?? 0;
}

const VOWEL = /[aeiou]|[^aeiou]y/;

/** Suffixes that are replaced if the rest has a measure of at least 1, the longest first. */
const REPLACED_SUFFIXES: readonly (readonly [suffix: string, replacement: string])[] = [
  ["ational", "ate"],
  ["ization", "ize"],
  ["isation", "ize"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["tional", "tion"],
  ["biliti", "ble"],
  ["ation", "ate"],
  ["alism", "al"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["entli", "ent"],
  ["ousli", "ous"],
  ["izer", "ize"],
  ["ator", "ate"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["abli", "able"],
  ["alli", "al"],
  ["icate", "ic"],
  ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ness", ""],
  ["li", ""],
  ["ful", ""],
];

/** Suffixes that are removed if the rest has a measure of at least 2, the longest first. */
const REMOVED_SUFFIXES =
  /(?:ement|ance|ence|able|ible|ment|ant|ent|ism|ate|iti|ous|ive|ize|ise|al|er|ic|(?<=[st])ion|ou)$/;

/** Returns the stem of a regular word, by Martin Porter's algorithm with fewer rules. */
function stemRegular(word: string): string {
  let stem = word.replace(/sses$/, "ss").replace(/ies$/, word.length > 4 ? "y" : "ie")
    .replace(/([^su])s$/, "$1");
  const participle = /^(.+?)(?:eed|ed|ing)$/.exec(stem);
  if (stem.endsWith("eed")) {
    if (measure(stem.slice(0, -3)) > 0) stem = stem.slice(0, -1);
  } else if (participle !== null && VOWEL.test(participle[1] ?? "")) {
    stem = (participle[1] ?? "").replace(/(at|bl|iz)$/, "$1e");
    if (/([^aeioulsz])\1$/.test(stem)) stem = stem.slice(0, -1);
    else if (measure(stem) === 1 && /[^aeiou][aeiouy][^aeiouwxy]$/.test(stem)) stem += "e";
  }
  if (stem.endsWith("y") && VOWEL.test(stem.slice(0, -1))) stem = `${stem.slice(0, -1)}i`;
  for (const [suffix, replacement] of REPLACED_SUFFIXES) {
    if (!stem.endsWith(suffix)) continue;
    const rest = stem.slice(0, -suffix.length);
    if (measure(rest) > 0) stem = rest + replacement;
    break;
  }
  const rest = stem.replace(REMOVED_SUFFIXES, "");
  if (rest !== stem && measure(rest) > 1) stem = rest;
  if (stem.endsWith("e") && measure(stem.slice(0, -1)) > 0 && stem.length > 4) {
    stem = stem.slice(0, -1);
  }
  return stem.endsWith("ll") && measure(stem) > 1 ? stem.slice(0, -1) : stem;
}
