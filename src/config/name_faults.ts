/**
 * Finds faults in names that are hard to see, such as a leading or trailing space or an invisible
 * character. Names match exactly, so a rule whose name has such a fault matches nothing.
 */

/** Names without any fault: ASCII, with spaces only between other characters. */
const ORDINARY_NAME = /^[!-~](?:[ -~]*[!-~])?$/;

/** Control characters, format characters (zero-width, bidi, tags), and characters that look blank, in a character class. */
const INVISIBLE = String
  .raw`\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0`;

/**
 * Returns a pattern that matches each invisible character. Its group contains the character if it is a zero-width joiner
 * inside an emoji, where it is legitimate. As a constant, the pattern would take half a millisecond of each start.
 */
function invisiblePattern(): RegExp {
  const joiner = String
    .raw`(?<=\p{Extended_Pictographic}\p{M}*)\u200d(?=\p{Extended_Pictographic})`;
  return new RegExp(`(${joiner})|[${INVISIBLE}]`, "gu");
}

const CHARACTER_NAMES = new Map([
  [" ", "a space"],
  ["\t", "a tab"],
  ["\n", "a line break"],
  ["\r", "a line break"],
]);

/** A fault in a name. */
export interface NameFault {
  /** The fault, such as `ends with a space`. */
  readonly description: string;
  /** The name without the fault; may be empty. */
  readonly correctedName: string;
}

/**
 * Finds spaces at the ends of a name and invisible characters anywhere in it.
 *
 * @param name A name, or a pattern of names.
 */
export function findNameFault(name: string): NameFault | undefined {
  if (ORDINARY_NAME.test(name) || name === "") return undefined;
  const correctedName = removeInvisible(name);
  if (correctedName === name) return undefined;
  if (correctedName === "") return { description: "has no visible characters", correctedName };
  const characters = [...name];
  const [first = "", last = ""] = [characters[0], characters.at(-1)];
  const isInvisible = (character: string) => removeInvisible(character) === "";
  if (isInvisible(first)) {
    return { description: `begins with ${describeCharacter(first)}`, correctedName };
  }
  if (isInvisible(last)) {
    return { description: `ends with ${describeCharacter(last)}`, correctedName };
  }
  const matches = [...name.matchAll(invisiblePattern())];
  const [invisible = ""] = matches.find(([, joiner]) => joiner === undefined) ?? [];
  return { description: `contains ${describeCharacter(invisible)}`, correctedName };
}

/** Removes invisible characters from a name, except for joiners inside emoji. */
function removeInvisible(name: string): string {
  return name.replace(invisiblePattern(), "$1").trim();
}

function describeCharacter(character: string): string {
  const code = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
  const knownName = CHARACTER_NAMES.get(character);
  if (knownName !== undefined) return knownName;
  return `${/\p{Zs}/u.test(character) ? "an unusual space" : "an invisible character"}, U+${code}`;
}

/** Quotes a name and escapes its invisible characters. */
export function quoteName(name: string): string {
  return JSON.stringify(name).replace(
    new RegExp(`[\\p{C}${INVISIBLE}]`, "gu"),
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** Returns the same text for names that look alike: folds case and Unicode variants, and removes invisible characters. */
export function foldName(name: string): string {
  return ORDINARY_NAME.test(name)
    ? name.toLowerCase()
    : removeInvisible(name.normalize("NFKC")).toLowerCase();
}

/**
 * Finds the first other name that looks like a given one.
 *
 * @returns The other name, and whether it differs in case only.
 */
export function findLookalike(
  name: string,
  others: Iterable<string>,
): { readonly name: string; readonly differsInCaseOnly: boolean } | undefined {
  const foldedName = foldName(name);
  for (const other of others) {
    if (other === name || foldName(other) !== foldedName) continue;
    return { name: other, differsInCaseOnly: other.toLowerCase() === name.toLowerCase() };
  }
  return undefined;
}
