import { escapeJson, escapeLines, shortenText } from "../text.ts";
import { readVariable } from "../config/mod.ts";

/** The layout and colors of a text. */
export interface TerminalStyle {
  /** Width of a line, in columns; `Infinity` for a file or a program, unless `COLUMNS` is set. */
  readonly columns: number;
  readonly colors: boolean;
  /** Whether a terminal shows the text; control characters would move its cursor. */
  readonly isTerminal: boolean;
}

/** Minimum width that `COLUMNS` can set. */
const MIN_COLUMNS = 20;

/** Returns the style for a stream. Files and programs get no colors, and unbroken lines unless `COLUMNS` is set. */
export function styleOf(stream: { isTerminal(): boolean }): TerminalStyle {
  const isTerminal = stream.isTerminal();
  const columns = isTerminal ? terminalColumns() : requestedColumns();
  return { columns, colors: isTerminal && !Deno.noColor, isTerminal };
}

function requestedColumns(): number {
  const columns = Number(readVariable(Deno.env, "COLUMNS"));
  return columns >= MIN_COLUMNS ? columns : Infinity;
}

function terminalColumns(): number {
  try {
    const { columns } = Deno.consoleSize();
    return columns >= MIN_COLUMNS ? columns : 80;
  } catch {
    // Terminals over a serial line have no known size.
    return 80;
  }
}

/** Escapes the control characters of a text for a terminal; a file or a program gets it unchanged. */
export function escapeForTerminal(text: string, { isTerminal }: TerminalStyle): string {
  return isTerminal ? escapeLines(text) : text;
}

/**
 * Returns JSON text as output that ends with a line feed. Its control characters are escaped, whether or not the
 * output is a terminal: the values stay the same.
 */
export function jsonOutput(json: string): string {
  return `${escapeJson(json)}\n`;
}

/** Cuts a text to a length in UTF-16 code units, including the ellipsis. */
export function cutText(text: string, length: number): string {
  return text.length <= length ? text : shortenText(text, length - 1);
}

/** Formats a number for people: `1,234`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** Formats a number with its noun: `1 error`, `2 errors`. */
export function pluralize(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Formats a duration in seconds: `0.25 s`. */
export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
