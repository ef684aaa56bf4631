import { styleText } from "node:util";
import { escapeControls, QUOTE_MARK } from "../text.ts";
import { type TerminalStyle } from "./terminal.ts";
import { wrapLine } from "./wrap.ts";

/** A color of a text at a terminal. */
export type Color = "green" | "red" | "dim";

/** Colors a text if the style has colors. */
export function colorText(style: TerminalStyle, text: string, color?: Color): string {
  if (color === undefined || text === "" || !style.colors) return text;
  return styleText(color, text, { validateStream: false });
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers are aligned to the right, and are never broken. */
  readonly isNumber?: boolean;
  /** Minimum width, unless the table is too wide and this is a column of text. Default: the width of the title. */
  readonly width?: number;
  readonly color?: (cell: string) => Color;
}

/** Minimum width to which a column of text is narrowed. */
const MIN_WIDTH = 8;

/** Maximum number of lines of a cell. */
const MAX_LINES = 4;

/** Number of spaces between two columns. */
const GAP = 2;

/**
 * Formats a table. If it is too wide, the widest columns become narrower and their cells are broken into
 * several lines, where possible at separators such as `-` and `.` in names.
 */
export function table(
  { columns, rows }: { readonly columns: readonly Column[]; readonly rows: readonly string[][] },
  style: TerminalStyle,
): string {
  const cells = rows.map((row) => row.map(escapeControls));
  const widths = fitWidths(columns, cells, style.columns);
  const titles = columns.map(({ title }) => escapeControls(title));
  return [titles, ...cells].flatMap((row, index) => {
    const brokenCells = row.map((cell, at) => breakCell(cell, widths[at] ?? MIN_WIDTH));
    const height = Math.max(...brokenCells.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) => {
      const parts = columns.map(({ isNumber, color }, at) => {
        const text = brokenCells[at]?.[line] ?? "";
        const width = widths[at] ?? 0;
        const blank = " ".repeat(Math.max(0, width - widthOf(text)));
        const coloredText = colorText(style, text, index > 0 ? color?.(row[at] ?? "") : undefined);
        return isNumber ? blank + coloredText : coloredText + blank;
      });
      return `${parts.join(" ".repeat(GAP)).trimEnd()}\n`;
    });
  }).join("");
}

/** Breaks a text at words into indented lines; the lines of a quotation keep its mark. */
export function paragraph(text: string, style: TerminalStyle, indent = ""): string {
  const lines = text.split("\n").flatMap((line) => {
    const mark = line.startsWith(QUOTE_MARK) ? QUOTE_MARK : "";
    const start = indent + mark;
    const columns = Math.max(MIN_WIDTH, style.columns - start.length);
    return wrapLine(escapeControls(line.slice(mark.length)), { columns, indent: "" })
      .map((part) => `${start}${part}\n`);
  });
  return lines.join("");
}

function fitWidths(
  columns: readonly Column[],
  rows: readonly string[][],
  maxWidth: number,
): number[] {
  const widths = columns.map(({ title, width = 0 }, at) => {
    return Math.max(width, widthOf(title), ...rows.map((row) => widthOf(row[at] ?? "")));
  });
  const minWidths = columns.map(({ isNumber }, at) => {
    return isNumber ? widths[at] ?? 0 : Math.min(widths[at] ?? 0, MIN_WIDTH);
  });
  for (;;) {
    const total = widths.reduce((sum, width) => sum + width + GAP, -GAP);
    if (total <= maxWidth) return widths;
    const reducible = widths.map((width, at) => width - (minWidths[at] ?? 0));
    const widest = widths.reduce((best, width, index) => {
      return (reducible[index] ?? 0) > 0 && (best < 0 || width > (widths[best] ?? 0))
        ? index
        : best;
    }, -1);
    if (widest < 0) return widths;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function breakCell(cell: string, width: number): string[] {
  const lines = breakText(cell, width);
  if (lines.length <= MAX_LINES) return lines;
  const last = [...lines[MAX_LINES - 1] ?? ""].slice(0, width - 1).join("");
  return [...lines.slice(0, MAX_LINES - 1), `${last}…`];
}

function breakText(text: string, width: number): string[] {
  const lines: string[] = [];
  let remaining = [...text];
  while (remaining.length > width) {
    // A space at the line's end is not shown, so it may lie just beyond the width.
    const spaceIndex = remaining.lastIndexOf(" ", width);
    const separatorIndex = remaining.findLastIndex((character, at) =>
      at < width && /[-._/[\],]/.test(character)
    );
    const breaksAtSpace = spaceIndex > width / 3 || (spaceIndex > 0 && separatorIndex < width / 2);
    const endInWord = separatorIndex < width / 2 ? width : separatorIndex + 1;
    const end = breaksAtSpace ? spaceIndex : endInWord;
    lines.push(remaining.slice(0, end).join(""));
    remaining = remaining.slice(breaksAtSpace ? end + 1 : end);
  }
  return [...lines, remaining.join("")];
}

/** The width of a text in columns. Wide characters count as one column; they are rare in names. */
function widthOf(text: string): number {
  return [...text].length;
}
