/** Narrower than this no text gets beside its indent. */
const LEAST_WIDTH = 20;

/** What starts a line that people copy; it stays whole. */
const COMMAND_LINE = /^(?:Example: | {2})agent-mcp-gateway (?!.*\[)/;

/** A word, or a command or an optional flag with its value, which stay together like one. */
const WORD = /(?:agent-mcp-gateway (?:(?:auth|audit) )?(?=\S)|\[[^[\]]*\]|`[^`]*`|\S)+/g;

/**
 * Breaks the lines of a text at words. Words are never broken, nor are commands to copy: a path or a
 * command that is longer than a line stays whole.
 *
 * @param text Lines; further lines of one that is broken are indented, under its text where it is a
 * row of a list in two columns.
 * @param columns What a line may take.
 * @param indent Stands before the further lines of a line that has no indent of its own.
 */
export function wrapText(text: string, columns: number, indent = "  "): string {
  return text.split("\n").flatMap((line) => {
    if ([...line].length <= columns || COMMAND_LINE.test(line)) return [line];
    return wrapLine(line, columns, hangingIndent(line, { columns, indent }));
  }).join("\n");
}

/**
 * Breaks one line at words.
 *
 * @param line The line; its own indent stays.
 * @param columns What it may take.
 * @param indent Stands before the further lines.
 */
export function wrapLine(line: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  let current = "";
  let end = 0;
  for (const { 0: word, index } of line.matchAll(WORD)) {
    const gap = line.slice(end, index);
    end = index + word.length;
    const isFirst = current === "" || current === indent;
    if (!isFirst && [...current, ...gap, ...word].length > columns) {
      lines.push(current);
      current = indent + word;
    } else current += (lines.length > 0 && isFirst ? "" : gap) + word;
  }
  return [...lines, current];
}

function hangingIndent(
  line: string,
  { columns, indent }: { columns: number; indent: string },
): string {
  const [own = ""] = /^ */.exec(line) ?? [];
  const [label = ""] = /^ *\S.*? {2,}(?=\S)/.exec(line) ?? [];
  const row = " ".repeat(label.length);
  return label !== "" && columns - row.length >= LEAST_WIDTH
    ? row
    : own === ""
    ? indent
    : `${own}  `;
}
