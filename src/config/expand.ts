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
export interface ExpandedText {
  /** The expanded text; the text as written if there is an `error`. */
  readonly text: string;
  /** Whether the text contains a reference. */
  readonly hasReference: boolean;
  /** Why the text could not be expanded; names variables, never their values. */
  readonly error?: string;
}

/** Maximum nesting of defaults, such as `${A:-${B:-...}}`. */
const MAX_NESTED_DEFAULTS = 8;

const MALFORMED_MESSAGE = "a `${` does not begin a variable: write ${NAME}, ${NAME:-default}, " +
  "or $${ for a literal ${";

/**
 * References that only other programs support. Groups: the id of an `input`, or the word before
 * `:`.
 */
const FOREIGN_REFERENCE =
  /(?<!\$)\$\{(?:input:([\w.-]{1,60})\}|(input|config|command|file|workspaceFolder|op|keychain|cmd):)/;

/** Names that VS Code replaces and that are rarely environment variables. */
const VSCODE_NAMES = ["workspaceFolderBasename", "workspaceRoot", "pathSeparator", "fileDirname"];

/** Describes the problem of a text with a malformed `${`. The message quotes names only. */
function describeMalformedReference(text: string): string {
  const [, inputId, word = ""] = FOREIGN_REFERENCE.exec(text) ?? [];
  if (inputId !== undefined) {
    const name = inputId.toUpperCase().replace(/\W+/g, "_").replace(/^(?=\d)/, "INPUT_");
    return `VS Code asks the user for \${input:${inputId}}; the gateway does not: write ` +
      `\${${name}}, and set ${name} where the gateway runs`;
  }
  if (word === "") return MALFORMED_MESSAGE;
  const reference = `\${${word}:…}`;
  if (["op", "keychain", "cmd", "file"].includes(word)) {
    return `${reference} is not supported, because the gateway reads secrets from variables only: ` +
      "write ${NAME}, and set NAME where the gateway runs";
  }
  return `only VS Code knows ${reference}: write its value, or \${NAME} for a variable`;
}

/**
 * Replaces `${VAR}`, `${VAR:-default}`, `${env:VAR}`, `${userHome}` and `${workspaceFolder}`;
 * `$${` is a literal `${`. As in a shell, an empty variable counts as set in `${VAR}` but not in
 * `${VAR:-default}`. A default may contain references and ends at the next `}`.
 */
export function expandText(text: string, variables: Variables): ExpandedText {
  if (!text.includes("${")) return { text, hasReference: false };
  const expansion = expandFrom(text, 0, 0, variables);
  if (expansion.error === undefined) {
    return { text: expansion.text, hasReference: expansion.hasReference };
  }
  const error = expansion.error === MALFORMED_MESSAGE
    ? describeMalformedReference(text)
    : expansion.error;
  return { text, hasReference: expansion.hasReference, error };
}

interface PartialExpansion extends ExpandedText {
  /** The offset after the expanded part. */
  readonly endOffset: number;
}

/** Expands the text up to its end; inside a default, up to the `}` of the default. */
function expandFrom(
  text: string,
  start: number,
  nesting: number,
  variables: Variables,
): PartialExpansion {
  const parts: string[] = [];
  const errors: string[] = [];
  let hasReference = false;
  let offset = start;
  const delimiters = nesting === 0 ? /\$\$\{|\$\{/g : /\$\$\{|\$\{|\}/g;
  while (true) {
    delimiters.lastIndex = offset;
    const delimiter = delimiters.exec(text);
    parts.push(text.slice(offset, delimiter?.index));
    offset = delimiter === null ? text.length : delimiters.lastIndex;
    if (delimiter?.[0] === "$${") {
      parts.push("${");
    } else if (delimiter?.[0] === "${") {
      const reference = expandReference(text, offset, nesting, variables);
      hasReference = true;
      parts.push(reference.text);
      offset = reference.endOffset;
      if (reference.error !== undefined) errors.push(reference.error);
    } else {
      // The text or the default ends here. A default may lack its `}`.
      if (delimiter === null && nesting > 0) errors.push(MALFORMED_MESSAGE);
      const error = errors.includes(MALFORMED_MESSAGE) ? MALFORMED_MESSAGE : errors[0];
      const expansion = { text: parts.join(""), hasReference, endOffset: offset };
      return error === undefined ? expansion : { ...expansion, error };
    }
  }
}

/** Expands one reference; `start` is the offset after its `${`. */
function expandReference(
  text: string,
  start: number,
  nesting: number,
  variables: Variables,
): PartialExpansion {
  // Windows has variables with parentheses and dots, such as `ProgramFiles(x86)`.
  const pattern = /(env:)?([A-Za-z_][A-Za-z0-9_.()]*)(\}|:-)/y;
  pattern.lastIndex = start;
  const [match, prefix, name = "", close] = pattern.exec(text) ?? [];
  if (match === undefined || nesting >= MAX_NESTED_DEFAULTS) {
    return { text: "", hasReference: true, error: MALFORMED_MESSAGE, endOffset: text.length };
  }
  const value = prefix === undefined
    ? readReference(name, variables)
    : readVariable(variables.env, name);
  const endOffset = start + match.length;
  if (close === "}") {
    if (value !== undefined) return { text: value, hasReference: true, endOffset };
    const error = VSCODE_NAMES.includes(name)
      ? `only VS Code knows \${${name}}: write its value, or \${NAME} for a variable`
      : `variable ${JSON.stringify(name)} is not set`;
    return { text: "", hasReference: true, error, endOffset };
  }
  const fallback = expandFrom(text, endOffset, nesting + 1, variables);
  if (fallback.error === MALFORMED_MESSAGE || !value) return { ...fallback, hasReference: true };
  return { text: value, hasReference: true, endOffset: fallback.endOffset };
}

function readReference(name: string, { env, home, cwd }: Variables): string | undefined {
  if (name === "userHome") return home;
  return name === "workspaceFolder" ? cwd : readVariable(env, name);
}
