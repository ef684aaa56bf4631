/** Minimum width of a text beside its indent, in columns. */
const MIN_WIDTH = 20;

/** The beginning of a command line to copy, which is never broken. */
const COMMAND_LINE = /^(?:Example: | {2})agent-mcp-gateway (?!.*\[)/;

/** A word. A command, or an optional flag with its value, counts as one word, so that it is not broken. */
const WORD = /(?:agent-mcp-gateway (?:(?:auth|audit) )?(?=\S)|\[[^[\]]*\]|`[^`]*`|\S)+/g;

/**
 * Breaks the lines of a text at words. Words and commands to copy are never broken, even if they are
 * longer than a line.
 *
 * @param text The text. Continuation lines are indented; in a list of two columns, to the second column.
 * @param indent The indent of continuation lines if the line itself has none.
 */
export function wrapText(text: string, columns: number, indent = "  "): string {
  return text.split("\n").flatMap((line) => {
    if ([...line].length <= columns || COMMAND_LINE.test(line)) return [line];
    return wrapLine(line, { columns, indent: hangingIndent(line, { columns, indent }) });
  }).join("\n");
}

/**
 * Breaks one line at words.
 *
 * @param line The line; its indent stays.
 * @param options The width, and the indent of continuation lines.
 */
export function wrapLine(
  line: string,
  { columns, indent }: { readonly columns: number; readonly indent: string },
): string[] {
  const lines: string[] = [];
  let currentLine = "";
  let end = 0;
  for (const { 0: word, index } of line.matchAll(WORD)) {
    const gap = line.slice(end, index);
    end = index + word.length;
    const isFirst = currentLine === "" || currentLine === indent;
    if (!isFirst && [...currentLine, ...gap, ...word].length > columns) {
      lines.push(currentLine);
      currentLine = indent + word;
    } else currentLine += (lines.length > 0 && isFirst ? "" : gap) + word;
  }
  return [...lines, currentLine];
}

function hangingIndent(
  line: string,
  { columns, indent }: { columns: number; indent: string },
): string {
  const [ownIndent = ""] = /^ */.exec(line) ?? [];
  const [label = ""] = /^ *\S.*? {2,}(?=\S)/.exec(line) ?? [];
  const columnIndent = " ".repeat(label.length);
  if (label !== "" && columns - columnIndent.length >= MIN_WIDTH) return columnIndent;
  return ownIndent === "" ? indent : `${ownIndent}  `;
}
