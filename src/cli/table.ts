import { styleText } from "node:util";
import { escapeControls, QUOTE_MARK } from "../text.ts";
import { type TerminalStyle } from "./terminal.ts";
import { wrapLine } from "./wrap.ts";

/** A color of a text at a terminal. */
export type Color = "green" | "red" | "dim";

/** Colors a text if the style has colors. */
export function colored(style: TerminalStyle, text: string, color?: Color): string {
  if (color === undefined || text === "" || !style.colors) return text;
  return styleText(color, text, { validateStream: false });
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers are aligned to the right, and are never broken. */
  readonly isNumber?: boolean;
  /** Minimum width; default: that of the longest cell. */
  readonly width?: number;
  readonly color?: (cell: string) => Color;
}

/** Minimum width of a column. */
const MIN_WIDTH = 8;

/** Maximum number of lines of a cell. */
const MAX_LINES = 4;

const GAP = 2;

/**
 * Writes a table. If it does not fit, the widest columns become narrower and their cells are broken
 * into several lines, where possible at the joints of names.
 */
export function table(
  { columns, rows }: { readonly columns: readonly Column[]; readonly rows: readonly string[][] },
  style: TerminalStyle,
): string {
  const cells = rows.map((row) => row.map(escapeControls));
  const widths = fitWidths(columns, cells, style.columns);
  const heads = columns.map(({ title }) => escapeControls(title));
  return [heads, ...cells].flatMap((row, index) => {
    const broken = row.map((cell, at) => breakCell(cell, widths[at] ?? MIN_WIDTH));
    const height = Math.max(...broken.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) => {
      const parts = columns.map(({ isNumber, color }, at) => {
        const text = broken[at]?.[line] ?? "";
        const width = widths[at] ?? 0;
        const blank = " ".repeat(Math.max(0, width - lengthOf(text)));
        const shown = colored(style, text, index > 0 ? color?.(row[at] ?? "") : undefined);
        return isNumber ? blank + shown : shown + blank;
      });
      return `${parts.join(" ".repeat(GAP)).trimEnd()}\n`;
    });
  }).join("");
}

/** Breaks a text at words into indented lines; those of a quotation keep its mark. */
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
  most: number,
): number[] {
  const widths = columns.map(({ title, width = 0 }, at) => {
    return Math.max(width, lengthOf(title), ...rows.map((row) => lengthOf(row[at] ?? "")));
  });
  const least = columns.map(({ isNumber }, at) => {
    return isNumber ? widths[at] ?? 0 : Math.min(widths[at] ?? 0, MIN_WIDTH);
  });
  for (;;) {
    const total = widths.reduce((sum, width) => sum + width + GAP, -GAP);
    if (total <= most) return widths;
    const room = widths.map((width, at) => width - (least[at] ?? 0));
    const at = widths.reduce((best, width, index) => {
      return (room[index] ?? 0) > 0 && (best < 0 || width > (widths[best] ?? 0)) ? index : best;
    }, -1);
    if (at < 0) return widths;
    widths[at] = (widths[at] ?? 0) - 1;
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
  let rest = [...text];
  while (rest.length > width) {
    // A blank beyond the edge is not shown.
    const blank = rest.lastIndexOf(" ", width);
    const joint = rest.findLastIndex((character, at) => at < width && /[-._/[\],]/.test(character));
    const isBlank = blank > width / 3 || (blank > 0 && joint < width / 2);
    const end = isBlank ? blank : joint < width / 2 ? width : joint + 1;
    lines.push(rest.slice(0, end).join(""));
    rest = rest.slice(isBlank ? end + 1 : end);
  }
  return [...lines, rest.join("")];
}

/** Width in columns; wide characters are rare in names. */
function lengthOf(text: string): number {
  return [...text].length;
}
