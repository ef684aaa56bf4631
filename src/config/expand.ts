import { type Environment, readVariable } from "./environment.ts";

/** The values that references can name. */
export interface Variables {
  readonly env: Environment;
  /** For `${userHome}`. */
  readonly home: string | undefined;
  /** For `${workspaceFolder}`. */
  readonly cwd: string;
}

/** A text with its references replaced. */
export interface Expanded {
  /** The expanded text; the text as written if there is an `error`. */
  readonly text: string;
  /** Whether the text contains a reference. */
  readonly used: boolean;
  /** Why it could not be expanded; names variables, never their values. */
  readonly error?: string;
}

/** Levels of `${A:-${B:-...}}`; more is a mistake. */
const maxNesting = 8;

const malformed = "a `${` does not begin a variable: write ${NAME}, ${NAME:-default}, " +
  "or $${ for a literal ${";

/** References that only other programs support: the id of an `input`, or else the word before `:`. */
const FOREIGN =
  /(?<!\$)\$\{(?:input:([\w.-]{1,60})\}|(input|config|command|file|workspaceFolder|op|keychain|cmd):)/;

/** Names that VS Code replaces and that are rarely environment variables. */
const VSCODE_NAMES = ["workspaceFolderBasename", "workspaceRoot", "pathSeparator", "fileDirname"];

/** Explains a text with a malformed `${`. The message quotes names only. */
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
 * `$${` is a literal `${`. As in a shell, an empty variable counts as set in `${VAR}` but not in
 * `${VAR:-default}`. A default may contain references and ends at the next `}`.
 */
export function expandText(text: string, variables: Variables): Expanded {
  if (!text.includes("${")) return { text, used: false };
  const run = expandFrom(text, 0, 0, variables);
  if (run.error === undefined) return { text: run.text, used: run.used };
  const error = run.error === malformed ? explainMalformed(text) : run.error;
  return { text, used: run.used, error };
}

interface Run extends Expanded {
  /** Offset after the text that was read. */
  readonly end: number;
}

/** Reads to the end of the text, or inside a default to its `}`. */
function expandFrom(text: string, start: number, nesting: number, variables: Variables): Run {
  const parts: string[] = [];
  const errors: string[] = [];
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
      if (reference.error !== undefined) errors.push(reference.error);
    } else {
      // This is the end of the whole text, or of the default, which may lack its `}`.
      if (stop === null && nesting > 0) errors.push(malformed);
      const error = errors.includes(malformed) ? malformed : errors[0];
      const run = { text: parts.join(""), used, end: at };
      return error === undefined ? run : { ...run, error };
    }
  }
}

/** Reads one reference, from after its `${` to after its `}`. */
function expandReference(text: string, start: number, nesting: number, variables: Variables): Run {
  // Windows has variables with parentheses and dots, such as `ProgramFiles(x86)`.
  const shape = /(env:)?([A-Za-z_][A-Za-z0-9_.()]*)(\}|:-)/y;
  shape.lastIndex = start;
  const [whole, prefix, name = "", close] = shape.exec(text) ?? [];
  if (whole === undefined || nesting >= maxNesting) {
    return { text: "", used: true, error: malformed, end: text.length };
  }
  const value = prefix === undefined ? lookUp(name, variables) : readVariable(variables.env, name);
  const end = start + whole.length;
  if (close === "}") {
    if (value !== undefined) return { text: value, used: true, end };
    const error = VSCODE_NAMES.includes(name)
      ? `only VS Code knows \${${name}}: write its value, or \${NAME} for a variable`
      : `variable ${JSON.stringify(name)} is not set`;
    return { text: "", used: true, error, end };
  }
  const fallback = expandFrom(text, end, nesting + 1, variables);
  if (fallback.error === malformed || !value) return { ...fallback, used: true };
  return { text: value, used: true, end: fallback.end };
}

function lookUp(name: string, { env, home, cwd }: Variables): string | undefined {
  if (name === "userHome") return home;
  return name === "workspaceFolder" ? cwd : readVariable(env, name);
}
