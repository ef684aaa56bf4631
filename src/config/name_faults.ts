/**
 * Finds faults in names that are hard to see. Names match exactly, so a leading or trailing space
 * or an invisible character makes a rule match nothing.
 */

/** Most names: ASCII, with blanks only inside. */
const ORDINARY = /^[!-~](?:[ -~]*[!-~])?$/;

/** Control and format characters, which zero-width, bidi and tag characters are, and odd blanks. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/gu;

/** Joins the parts of an emoji, where it belongs. */
const EMOJI_JOINER = /(?<=\p{Extended_Pictographic}\p{M}*)\u200d(?=\p{Extended_Pictographic})/gu;

const WORDS = new Map([
  [" ", "a space"],
  ["\t", "a tab"],
  ["\n", "a line break"],
  ["\r", "a line break"],
]);

/** What is wrong with a name, and the name that was probably meant. */
export interface NameFault {
  /** Such as `ends with a space`. */
  readonly what: string;
  /** The name without it; empty where nothing is left. */
  readonly meant: string;
}

/**
 * Finds blanks at the ends of a name and invisible characters anywhere in it.
 *
 * @param name A name, or a pattern of names.
 */
export function findNameFault(name: string): NameFault | undefined {
  if (ORDINARY.test(name) || name === "") return undefined;
  const meant = withoutInvisible(name);
  if (meant === name) return undefined;
  if (meant === "") return { what: "has no visible characters", meant };
  const characters = [...name];
  const [first = "", last = ""] = [characters[0], characters.at(-1)];
  const isOdd = (character: string) => withoutInvisible(character) === "";
  if (isOdd(first)) return { what: `begins with ${describe(first)}`, meant };
  if (isOdd(last)) return { what: `ends with ${describe(last)}`, meant };
  return {
    what: `contains ${describe(name.replace(EMOJI_JOINER, "").match(INVISIBLE)?.[0] ?? "")}`,
    meant,
  };
}

/** A name without what cannot be seen; joiners inside emoji stay. */
function withoutInvisible(name: string): string {
  const kept = name.replace(EMOJI_JOINER, "\ue000").replace(INVISIBLE, "").trim();
  return kept.replaceAll("\ue000", "\u200d");
}

function describe(character: string): string {
  const code = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
  const words = WORDS.get(character);
  if (words !== undefined) return words;
  return `${/\p{Zs}/u.test(character) ? "an unusual space" : "an invisible character"}, U+${code}`;
}

/** A name in quotes, what cannot be seen as escapes. */
export function quoteName(name: string): string {
  return JSON.stringify(name).replace(
    /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u2800\u3164]/gu,
    (one) => {
      return `\\u{${one.codePointAt(0)?.toString(16)}}`;
    },
  );
}

/** Equal for names that people take for the same: case, Unicode normalization and the unseen aside. */
export function foldName(name: string): string {
  return ORDINARY.test(name)
    ? name.toLowerCase()
    : withoutInvisible(name.normalize("NFKC")).toLowerCase();
}

/**
 * Of names that people take for one given, how the first differs from it.
 *
 * @param name A name.
 * @param others Names that may be meant.
 */
export function findLookalike(
  name: string,
  others: Iterable<string>,
): { readonly name: string; readonly isCase: boolean } | undefined {
  const folded = foldName(name);
  for (const other of others) {
    if (other === name || foldName(other) !== folded) continue;
    return { name: other, isCase: other.toLowerCase() === name.toLowerCase() };
  }
  return undefined;
}
