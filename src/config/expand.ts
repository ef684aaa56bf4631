import { type Environment, readVariable } from "./environment.ts";

/** Where references find their values. */
export interface Variables {
  readonly env: Environment;
  /** For `${userHome}`. */
  readonly home: string | undefined;
  /** For `${workspaceFolder}`. */
  readonly cwd: string;
}

/** A text with its references replaced. */
export interface Expanded {
  /** The text; as written where there is `trouble`. */
  readonly text: string;
  /** Whether it held a reference, so that its value is not the file's own. */
  readonly used: boolean;
  /** Why it could not be expanded; names variables, never values. */
  readonly trouble?: string;
}

/** More levels of `${A:-${B:-...}}` than anybody means. */
const maxNesting = 8;

const malformed = "a `${` begins no variable: write ${NAME}, ${NAME:-default}, " +
  "or $${ for a literal ${";

/** What programs that know more than variables have in braces: the word, and whether a colon follows. */
const FOREIGN =
  /(?<!\$)\$\{(?:input:([\w.-]{1,60})\}|(input|config|command|file|workspaceFolder|op|keychain|cmd):)/;

/** Names that VS Code has a value for, and the environment seldom. */
const VSCODE_NAMES = ["workspaceFolderBasename", "workspaceRoot", "pathSeparator", "fileDirname"];

/** What is said of a text with a `${` that begins no variable; quotes names, and no more of it. */
function explainMalformed(text: string): string {
  const [, id, word = ""] = FOREIGN.exec(text) ?? [];
  if (id !== undefined) {
    const name = id.toUpperCase().replace(/\W+/g, "_").replace(/^(?=\d)/, "INPUT_");
    return `VS Code asks the user for \${input:${id}}; the gateway does not: write ` +
      `\${${name}}, and set ${name} where the gateway runs`;
  }
  if (word === "") return malformed;
  const whole = `\${${word}:…}`;
  if (["op", "keychain", "cmd", "file"].includes(word)) {
    return `${whole} is not supported, because the gateway reads secrets from variables only: ` +
      "write ${NAME}, and set NAME where the gateway runs";
  }
  return `only VS Code knows ${whole}: write its value, or \${NAME} for a variable`;
}

/**
 * Replaces `${VAR}`, `${VAR:-default}`, `${env:VAR}`, `${userHome}` and `${workspaceFolder}`;
 * `$${` is a literal `${`. As in a shell an empty variable is set for `${VAR}`, and takes the
 * default in `${VAR:-default}`; a default may hold references and ends at the next `}`.
 */
export function expandText(text: string, variables: Variables): Expanded {
  if (!text.includes("${")) return { text, used: false };
  const run = expandFrom(text, 0, 0, variables);
  if (run.trouble === undefined) return { text: run.text, used: run.used };
  const trouble = run.trouble === malformed ? explainMalformed(text) : run.trouble;
  return { text, used: run.used, trouble };
}

interface Run extends Expanded {
  /** Offset behind what was read. */
  readonly end: number;
}

/** Reads to the end of the text, or within a default to its `}`. */
function expandFrom(text: string, start: number, nesting: number, variables: Variables): Run {
  const parts: string[] = [];
  const troubles: string[] = [];
  let used = false;
  let at = start;
  const stops = nesting === 0 ? /\$\$\{|\$\{/g : /\$\$\{|\$\{|\}/g;
  while (true) {
    stops.lastIndex = at;
    const stop = stops.exec(text);
    parts.push(text.slice(at, stop?.index));
    at = stop === null ? text.length : stops.lastIndex;
    if (stop?.[0] === "$${") {
      parts.push("${");
    } else if (stop?.[0] === "${") {
      const reference = expandReference(text, at, nesting, variables);
      used = true;
      parts.push(reference.text);
      at = reference.end;
      if (reference.trouble !== undefined) troubles.push(reference.trouble);
    } else {
      // Here ends the whole text, or the default; a default without its `}` is not closed.
      if (stop === null && nesting > 0) troubles.push(malformed);
      const trouble = troubles.includes(malformed) ? malformed : troubles[0];
      const run = { text: parts.join(""), used, end: at };
      return trouble === undefined ? run : { ...run, trouble };
    }
  }
}

/** Reads one reference, from behind its `${` to behind its `}`. */
function expandReference(text: string, start: number, nesting: number, variables: Variables): Run {
  // Parentheses and dots are for Windows, which has variables such as `ProgramFiles(x86)`.
  const shape = /(env:)?([A-Za-z_][A-Za-z0-9_.()]*)(\}|:-)/y;
  shape.lastIndex = start;
  const [whole, prefix, name = "", close] = shape.exec(text) ?? [];
  if (whole === undefined || nesting >= maxNesting) {
    return { text: "", used: true, trouble: malformed, end: text.length };
  }
  const value = prefix === undefined ? lookUp(name, variables) : readVariable(variables.env, name);
  const end = start + whole.length;
  if (close === "}") {
    if (value !== undefined) return { text: value, used: true, end };
    const trouble = VSCODE_NAMES.includes(name)
      ? `only VS Code knows \${${name}}: write its value, or \${NAME} for a variable`
      : `variable ${JSON.stringify(name)} is not set`;
    return { text: "", used: true, trouble, end };
  }
  const fallback = expandFrom(text, end, nesting + 1, variables);
  if (fallback.trouble === malformed || !value) return { ...fallback, used: true };
  return { text: value, used: true, end: fallback.end };
}

function lookUp(name: string, { env, home, cwd }: Variables): string | undefined {
  if (name === "userHome") return home;
  return name === "workspaceFolder" ? cwd : readVariable(env, name);
}
