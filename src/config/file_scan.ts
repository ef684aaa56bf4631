/**
 * Scans of the two files' texts, which are not parsed. A scan need not be exact: an extra word separates two clients that
 * could share a daemon, and a missed word is a variable that the daemon lacks.
 */

/** Patterns of what may be the name of a variable; only on Windows do names have dots and parentheses. */
const WORD = /[A-Za-z_]\w*/g;
const LONG_WORD = /[A-Za-z_][\w.()]*/g;

/** Patterns of a reference to a variable, and of the list of variables that a server inherits. */
const REFERENCE = /\$\{(?:env:)?([A-Za-z_]\w*)/g;
const INHERIT_LIST = /"inherit_env"\s*:\s*\[([^\]]*)\]/g;

/** Matches a string of JSON, and the colon after it if it is a key. */
const STRING = /"((?:[^"\\\n]|\\.)*)"(\s*:)?/g;

/** Matches a reference to a variable whose default, if any, contains no other reference. */
const RESOLVABLE_REFERENCE = /\$\{(?:env:)?([A-Za-z_]\w*)(?::-([^{}]*))?\}/g;

/** Maximum depth of references in defaults. */
const MAX_NESTED = 5;

/** Matches the name of a file or folder without a slash, also after a flag: `--db=store.db`. */
const PLAIN_NAME = /^(?:-[^=\s]*=)?([^-\s=:,;@~$"*<>|?\\/][^\s=:,;"*<>|?\\/]*)$/;

/** Matches a name that is probably that of a file. */
const FILE_NAME = /\.[A-Za-z]\w{0,4}$/;

/** Keys whose values are words of the gateway, such as `shared`, which is also a usual name of a folder. */
const CHOICE_KEYS: ReadonlySet<string> = new Set(["type", "isolation"]);

/** Matches a path that begins at the working folder, also after a flag: `--root=./data`. */
const RELATIVE_PATH = /(?:^|[=:,;\s])\.{1,2}(?:[\\/]|$)/;

/** Matches an entry `cwd` with a path that is not absolute. */
const RELATIVE_FOLDER = /"cwd"\s*:\s*"(?![\\/~$]|[A-Za-z]:)[^"]*/g;

/** Matches a text with a slash that does not depend on the working folder: an absolute path, or an address. */
const INDEPENDENT_TEXT = /^(?:[\\/~@$]|[A-Za-z]:[\\/])|:\/\//;

/** The name of the variable with the working folder. */
const WORKSPACE_FOLDER = "workspaceFolder";

/** Maximum number of paths that are looked up. */
const MAX_LOOKUPS = 1000;

/** Returns all words of a text; they include the names of all variables that it uses. */
export function wordsOf(text: string): ReadonlySet<string> {
  const plain = withoutEscapes(text);
  return new Set([...plain.match(WORD) ?? [], ...plain.match(LONG_WORD) ?? []]);
}

/**
 * Returns the names of the variables that the servers file refers to; words in comments may be among them. The home
 * folder, `${userHome}`, is no variable.
 */
export function variablesOf(text: string): ReadonlySet<string> {
  const plain = withoutEscapes(text);
  const references = [...plain.matchAll(REFERENCE)].map(([, name = ""]) => name);
  const inheritLists = [...plain.matchAll(INHERIT_LIST)].map(([, names = ""]) => names);
  const inheritedNames = inheritLists.flatMap((names) => [...wordsOf(names)]);
  return new Set([...references.filter((name) => name !== "userHome"), ...inheritedNames]);
}

/** Resolves the escapes that can hide a name or a path. */
function withoutEscapes(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replaceAll(/\\u([0-9a-fA-F]{4})|\\\//g, (_, digits?: string) => {
    return digits === undefined ? "/" : String.fromCharCode(parseInt(digits, 16));
  });
}

/** The process that starts the servers. */
export interface FolderContext {
  /** The working folder. */
  readonly cwd: string;
  /** The values of variables. */
  readonly env: { get(name: string): string | undefined };
}

/**
 * Whether servers depend on the working folder: they name a path that begins there, or a file or folder in it.
 *
 * @param text The text of the servers file.
 */
export function usesWorkingFolder(text: string, { cwd, env }: FolderContext): boolean {
  const names = new Set<string>();
  for (const { text: relativeText, isCertain } of findRelativeTexts(text, env)) {
    if (isCertain) return true;
    // A server may create the file itself, so only the first folder of its path must exist.
    names.add(relativeText.replace(/[\\/].*$/, ""));
  }
  return names.size > MAX_LOOKUPS || names.values().some((name) => exists(`${cwd}/${name}`));
}

/** Returns the parts of the servers file that depend on the working folder, or may depend on it in some folders. */
export function relativeTextsOf(text: string): ReadonlySet<string> {
  const texts = new Set<string>();
  // Values of variables may be secrets, and all windows have the same.
  for (const relative of findRelativeTexts(text, { get: () => undefined })) {
    if (relative.isCertain || relative.isPath) texts.add(relative.text);
  }
  return texts;
}

/** A text that depends on the working folder: always, or if there is a file with this path in the folder. */
interface RelativeText {
  readonly text: string;
  readonly isCertain: boolean;
  /** Whether the text looks like the path of a file, and not like any other word. */
  readonly isPath: boolean;
}

function* findRelativeTexts(text: string, env: FolderContext["env"]): Generator<RelativeText> {
  const plain = withoutEscapes(text);
  const certainty = { isCertain: true, isPath: true };
  if (plain.includes(WORKSPACE_FOLDER)) yield { text: WORKSPACE_FOLDER, ...certainty };
  for (const [entry] of plain.matchAll(RELATIVE_FOLDER)) yield { text: entry, ...certainty };
  let key = "";
  for (const [, string = "", colon] of plain.matchAll(STRING)) {
    if (colon !== undefined) key = string;
    if (colon !== undefined || CHOICE_KEYS.has(key)) continue;
    const resolvedText = resolveVariables(string, env);
    const [, name] = PLAIN_NAME.exec(resolvedText) ?? [];
    if (RELATIVE_PATH.test(resolvedText)) yield { text: resolvedText, ...certainty };
    else if (name !== undefined) {
      yield { text: name, isCertain: false, isPath: FILE_NAME.test(name) };
    } else if (/[\\/]/.test(resolvedText) && !INDEPENDENT_TEXT.test(resolvedText)) {
      yield { text: resolvedText, isCertain: false, isPath: true };
    }
  }
}

/** Replaces references to variables by values or defaults. */
function resolveVariables(text: string, env: FolderContext["env"]): string {
  let resolvedText = text;
  for (let depth = 0; depth < MAX_NESTED && resolvedText.includes("${"); depth++) {
    resolvedText = resolvedText.replaceAll(
      RESOLVABLE_REFERENCE,
      (_, name: string, fallback = "") => {
        return env.get(name) || fallback;
      },
    );
  }
  return resolvedText;
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
