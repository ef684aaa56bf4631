/**
 * Scans of the two files' texts. They need not be exact, and parse nothing: a word too many separates two clients that
 * could share a daemon, and a word that is missed is a variable that the daemon does not have.
 */

/** Patterns of what may be the name of a variable; only on Windows do names have dots and parentheses. */
const WORD = /[A-Za-z_]\w*/g;
const LONG_WORD = /[A-Za-z_][\w.()]*/g;

/** Patterns of a reference to a variable, and of the list of variables that a server inherits. */
const REFERENCE = /\$\{(?:env:)?([A-Za-z_]\w*)/g;
const INHERITED = /"inherit_env"\s*:\s*\[([^\]]*)\]/g;

/** Matches a string of JSON. */
const STRING = /"((?:[^"\\\n]|\\.)*)"/g;

/** Matches a path that begins at the working folder, also after a flag: `--root=./data`. */
const RELATIVE = /(?:^|[=:,;\s])\.{1,2}(?:[\\/]|$)/;

/** Matches an entry `cwd` with a path that is not absolute. */
const RELATIVE_FOLDER = /"cwd"\s*:\s*"(?![\\/~$]|[A-Za-z]:)[^"]*/g;

/** Matches what does not depend on the working folder, although it has a slash. */
const INDEPENDENT = /^(?:[\\/~@$]|[A-Za-z]:[\\/])|:\/\//;

/** The name of the variable with the working folder. */
const WORKSPACE_FOLDER = "workspaceFolder";

/** Maximum number of paths that are looked up. */
const MAX_LOOKUPS = 200;

/** Returns all words of a text, among which are the names of all variables that it uses. */
export function wordsOf(text: string): ReadonlySet<string> {
  const plain = text.replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, digits) => {
    return String.fromCharCode(parseInt(digits, 16));
  });
  return new Set([...plain.match(WORD) ?? [], ...plain.match(LONG_WORD) ?? []]);
}

/**
 * Returns the names of the variables that the servers file refers to; words in comments may be among them. The home
 * folder, `${userHome}`, is no variable.
 */
export function variablesOf(text: string): ReadonlySet<string> {
  const references = [...text.matchAll(REFERENCE)].map(([, name = ""]) => name);
  const inherited = [...text.matchAll(INHERITED)].flatMap(([, names = ""]) => [...wordsOf(names)]);
  return new Set([...references.filter((name) => name !== "userHome"), ...inherited]);
}

/**
 * Whether servers depend on the working folder.
 *
 * @param text The text of the servers file.
 * @param cwd The working folder.
 */
export function usesWorkingFolder(text: string, cwd: string): boolean {
  let lookups = 0;
  return findRelativeTexts(text).some(({ found, isCertain }) =>
    isCertain || ++lookups > MAX_LOOKUPS || exists(`${cwd}/${found}`)
  );
}

/** Returns what depends on the working folder in the text of the servers file, or does in some folders. */
export function relativeTextsOf(text: string): ReadonlySet<string> {
  return new Set(findRelativeTexts(text).map(({ found }) => found));
}

/** A text that depends on the working folder: always, or if there is a file with this path in the folder. */
interface RelativeText {
  readonly found: string;
  readonly isCertain: boolean;
}

function* findRelativeTexts(text: string): Generator<RelativeText> {
  if (text.includes(WORKSPACE_FOLDER)) yield { found: WORKSPACE_FOLDER, isCertain: true };
  for (const [found] of text.matchAll(RELATIVE_FOLDER)) yield { found, isCertain: true };
  for (const [, found = ""] of text.matchAll(STRING)) {
    if (RELATIVE.test(found)) yield { found, isCertain: true };
    else if (/[\\/]/.test(found) && !INDEPENDENT.test(found)) yield { found, isCertain: false };
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
