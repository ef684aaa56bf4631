import { formatPath, isRecord } from "../json.ts";
import { escapeControls, shortenText } from "../text.ts";

/** A kind of text that is meant to be read by a model, and not by a person. */
export type HiddenTextKind =
  | "zero-width characters"
  | "bidirectional control characters"
  | "tag characters"
  | "variation selectors"
  | "control characters"
  | "text after a long blank space"
  | "an HTML comment"
  | "an instruction to conceal"
  | "letters of two alphabets in one word";

/** Text in a definition that may be meant to hide something. */
export interface HiddenText {
  /** The kind. */
  readonly kind: HiddenTextKind;
  /** Path of the value in the definition, such as `inputSchema.properties.path.description`. */
  readonly path: string;
  /** The text around it, with visible escapes. */
  readonly excerpt: string;
}

const MIXED_LETTERS = "letters of two alphabets in one word";

/** Length of the text that is shown before and after a finding, in UTF-16 code units. */
const CONTEXT_LENGTH = 30;
const MAX_EXCERPT_LENGTH = 120;

/** Maximum number of keys of a path that is shown. */
const MAX_PATH_PARTS = 10;

/** Number of blank characters, and of line ends in them, after which text is out of sight. */
const LONG_BLANK = 200;
const LONG_LINES = 30;

/** Matches text that can hide nothing but comments and instructions. */
const PLAIN = /^[\x20-\x7e\n\r\t]*$/;

/**
 * Finds text that is meant to be hidden from people: invisible characters, comments, and instructions to conceal.
 *
 * @param definition The definition of an item, its name included.
 * @returns The first finding of each kind.
 */
export function findHiddenText(definition: unknown): HiddenText[] {
  const findings = new Map<HiddenTextKind, HiddenText>();
  const finders = Object.entries(FINDERS) as [HiddenTextKind, Finder][];
  for (const { text, path, isName } of textsOf(definition)) {
    for (const [kind, find] of finders) {
      if (findings.has(kind)) continue;
      const span = find(text, isName);
      if (span === undefined) continue;
      const excerpt = excerptOf(text, span);
      findings.set(kind, {
        kind,
        path: pathText(path),
        // Without escapes, nobody could see which letters are of another alphabet.
        excerpt: kind === MIXED_LETTERS ? escapeNonAscii(excerpt) : excerpt,
      });
    }
    if (findings.size === finders.length) break;
  }
  return [...findings.values()];
}

/** A path, from its end to its beginning, so that deep values cost no more than others. */
interface Path {
  readonly key: string | number;
  readonly parent: Path | undefined;
}

interface FoundText {
  readonly text: string;
  readonly path: Path | undefined;
  /** Whether the text is a key, or the name of an item. */
  readonly isName: boolean;
}

/** Returns all keys and texts of a value. Works without recursion, because of deep values. */
function* textsOf(root: unknown): Generator<FoundText> {
  const remaining: { value: unknown; path: Path | undefined }[] = [{
    value: root,
    path: undefined,
  }];
  for (let next = remaining.pop(); next !== undefined; next = remaining.pop()) {
    const { value, path } = next;
    if (typeof value === "string") yield { text: value, path, isName: path?.key === "name" };
    else if (Array.isArray(value)) {
      for (const [key, element] of [...value.entries()].reverse()) {
        remaining.push({ value: element, path: { key, parent: path } });
      }
    } else if (isRecord(value)) {
      const members = Object.entries(value);
      for (const [key] of members) yield { text: key, path: { key, parent: path }, isName: true };
      for (const [key, member] of members.reverse()) {
        remaining.push({ value: member, path: { key, parent: path } });
      }
    }
  }
}

/** Formats the last parts of a path. */
function pathText(path: Path | undefined): string {
  const keys: (string | number)[] = [];
  for (let part = path; part !== undefined && keys.length < MAX_PATH_PARTS; part = part.parent) {
    keys.unshift(part.key);
  }
  return shortenText(escapeInvisible(formatPath(keys)), MAX_EXCERPT_LENGTH);
}

/** The position of a finding. */
interface Span {
  readonly index: number;
  readonly length: number;
}

type Finder = (text: string, isName: boolean) => Span | undefined;

/** Creates a finder of invisible characters; `isHarmless` says which uses of them belong to a script or an emoji. */
function createCharacterFinder(
  pattern: RegExp,
  isHarmless: (before: string, found: string, after: string) => boolean = () => false,
): Finder {
  return (text) => {
    if (PLAIN.test(text)) return undefined;
    for (const { 0: found, index } of text.matchAll(pattern)) {
      // A pattern that ends in `$` would miss characters beyond U+FFFF (V8 15).
      const before = [...text.slice(Math.max(0, index - 2), index)].at(-1) ?? "";
      const after = text.slice(index + found.length, index + found.length + 2);
      if (!isHarmless(before, found, after)) return { index, length: found.length };
    }
    return undefined;
  };
}

const ZERO_WIDTH =
  /[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}]/gu;
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const TAGS = /[\u{e0000}-\u{e007f}]+/gu;
const VARIATIONS = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]+/gu;
// deno-lint-ignore no-control-regex -- these are what is searched
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb]/g;

/** The end of an emoji, or of the part of one that a joiner follows. */
const EMOJI_END = /^[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]/u;
const EMOJI_START = /^[\p{Extended_Pictographic}\u2640\u2642]/u;

/** A letter of a script that has no joiners in ordinary words, unlike Persian and Hindi. */
const UNJOINED_LETTER =
  /^[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u;
const LETTER = /^[\p{L}\p{M}]/u;

/** Whether a joiner belongs to an emoji, or shapes the letter before it. */
function isJoiner(before: string, found: string, after: string): boolean {
  if (found === "\u200d" && EMOJI_END.test(before) && EMOJI_START.test(after)) return true;
  if (found !== "\u200c" && found !== "\u200d") return false;
  return LETTER.test(before) && !UNJOINED_LETTER.test(before) && !UNJOINED_LETTER.test(after);
}

/** Whether tag characters belong to a flag, such as that of Scotland. */
function isFlag(before: string, found: string): boolean {
  return before === "\u{1f3f4}" &&
    /^[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{2,6}\u{e007f}$/u.test(found);
}

/** Whether a variation selector belongs to an emoji, a keycap, an ideograph or a symbol of mathematics. */
function isVariation(before: string, found: string): boolean {
  if ([...found].length > 1) return false;
  return /^[\ufe0e\ufe0f]/.test(found)
    ? /^[\p{Emoji}\p{Extended_Pictographic}]/u.test(before)
    : /^[\p{sc=Han}\p{sc=Myanmar}\p{Sm}]/u.test(before);
}

const CONCEALMENTS: readonly RegExp[] = [
  /\b(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|avoid|refrain from|without)\s+(?:ever\s+|explicitly\s+)?(?:tell|telling|inform|informing|notify|notifying|alert|alerting|warn|warning|ask|asking|mention|mentioning|reveal|revealing|disclose|disclosing|let|letting)\b[^.!?\n]{0,60}\b(?:user|users|human|humans|person|people|anyone|anybody|operator|them)\b/,
  /\b(?:hide|hiding|conceal|concealing|withhold|withholding)\b[^.!?\n]{0,60}\bfrom\s+(?:the\s+|your\s+)?(?:user|users|human|humans|person|people|anyone|operator)\b/,
  /\b(?:user|users|human|humans|operator)\s+(?:must|should|may|does|do|can|need)\s*(?:not|n't)\s+(?:need\s+to\s+)?(?:know|see|notice|find out|learn|be told|be aware|be informed)\b/,
  /\b(?:do not|don't|never)\s+(?:mention|reveal|disclose|repeat|show|quote|acknowledge)\s+(?:this|these|that|the above|the following|any of this|it)\b/,
  /\bkeep\s+(?:this|these|it|that)\b[^.!?\n]{0,40}\b(?:secret|hidden|confidential|to yourself)\b/,
  /\b(?:secretly|covertly|silently|quietly)\s+(?:send|read|include|append|add|copy|forward|upload|pass|execute|run|call|use|collect|exfiltrate)\b/,
  /\bignore\s+(?:all\s+|any\s+)?(?:of\s+)?(?:the\s+|your\s+)?(?:previous|prior|earlier|above|other)\s+(?:instructions|rules|prompts|messages)\b/,
];

/** Finds an instruction, even if invisible characters, styles or odd spaces divide it. */
const findConcealment: Finder = (text) => {
  const plain = PLAIN.test(text)
    ? text
    : text.normalize("NFKC").replace(/[\p{Cf}\p{Mn}]/gu, "").replace(/[\u2018\u2019\u02bc]/g, "'");
  const lower = plain.toLowerCase().replace(/[ \t\u00a0]+/g, " ");
  for (const pattern of CONCEALMENTS) {
    const match = pattern.exec(lower);
    if (match === null) continue;
    const index = text.toLowerCase().indexOf(match[0]);
    // The match has no position in the text if the text was changed for the search.
    return index < 0 ? { index: 0, length: text.length } : { index, length: match[0].length };
  }
  return undefined;
};

const MIXED_NAME =
  /(?=[\p{L}\p{M}\p{N}_-]*\p{sc=Latin})[\p{L}\p{M}\p{N}_-]*[\p{sc=Cyrillic}\p{sc=Greek}\p{sc=Armenian}\p{sc=Cherokee}]/u;

/** Length of the beginning of a word in which letters of two alphabets are looked for, in UTF-16 code units. */
const MAX_WORD_LENGTH = 256;

/** Whether a name has letters of two alphabets in one word, some of which may look alike. */
export function hasMixedLetters(name: string): boolean {
  return findMixedLetters(name, true) !== undefined;
}

const findMixedLetters: Finder = (text, isName) => {
  if (PLAIN.test(text)) return undefined;
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{M}\p{N}_-]+/gu)) {
    const part = word.slice(0, MAX_WORD_LENGTH);
    if (!/\p{sc=Latin}/u.test(part)) continue;
    // Words such as "μs" mix Latin and Greek.
    const isMixed = isName ? MIXED_NAME.test(part) : /\p{sc=Cyrillic}/u.test(part);
    if (isMixed) return { index, length: word.length };
  }
  return undefined;
};

const findTextAfterBlank: Finder = (text) => {
  if (text.length < LONG_LINES) return undefined;
  for (const { 0: blank, index } of text.matchAll(/[\s\u2800]+/g)) {
    const end = index + blank.length;
    const isLong = blank.length >= LONG_BLANK || (blank.match(/\n/g)?.length ?? 0) >= LONG_LINES;
    if (isLong && end < text.length) return { index: end, length: CONTEXT_LENGTH };
  }
  return undefined;
};

const findComment: Finder = (text) => {
  const index = text.indexOf("<!--");
  return index < 0 ? undefined : { index, length: MAX_EXCERPT_LENGTH };
};

const FINDERS: Readonly<Record<HiddenTextKind, Finder>> = {
  "zero-width characters": createCharacterFinder(ZERO_WIDTH, isJoiner),
  "bidirectional control characters": createCharacterFinder(BIDI),
  "tag characters": createCharacterFinder(TAGS, isFlag),
  "variation selectors": createCharacterFinder(VARIATIONS, isVariation),
  "control characters": createCharacterFinder(CONTROLS),
  "text after a long blank space": findTextAfterBlank,
  "an HTML comment": findComment,
  "an instruction to conceal": findConcealment,
  [MIXED_LETTERS]: findMixedLetters,
};

function excerptOf(text: string, { index, length }: Span): string {
  const start = Math.max(0, index - CONTEXT_LENGTH);
  const part = text.slice(start, index + length + CONTEXT_LENGTH).replace(/^[\udc00-\udfff]/, "");
  return shortenText(escapeInvisible(part), MAX_EXCERPT_LENGTH);
}

/** Escapes all characters beyond ASCII, so that a person can distinguish characters that look alike. */
export function escapeNonAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => {
    const digits = character.codePointAt(0)?.toString(16) ?? "";
    return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, "0")}`;
  });
}

/** Escapes control characters, and other characters that are invisible. */
function escapeInvisible(text: string): string {
  return escapeControls(text).replace(
    /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u2800]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
