/**
 * The log: one line per event to stderr, as text for people or JSON for machines. Stdout belongs to the
 * protocol. Lines keep their order. A leaf: imports other leaves only.
 *
 * @module
 */
import { writeToStandardError } from "./line_queue.ts";
import { escapeControls, escapeJson, escapeLines } from "./text.ts";

/** The severity of an event, in ascending order. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The fields of an event, such as `{ server: "files" }`. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Logs events. Never throws. */
export interface Log {
  /** Logs a detail for developers of the gateway or of a server. */
  debug(message: string, fields?: LogFields): void;
  /** Logs information for the operator. */
  info(message: string, fields?: LogFields): void;
  /** Logs a problem that does not need immediate attention. */
  warn(message: string, fields?: LogFields): void;
  /** Logs a problem that the operator must fix. */
  error(message: string, fields?: LogFields): void;
}

/** Options of a log. */
export interface LogOptions {
  /** The lowest level that is logged. Default: `info`. */
  readonly level?: LogLevel;
  /** `text` for people, `json` for machines. Default: `text`. */
  readonly format?: "text" | "json";
  /** Whether levels are colored, for the format `text`. Default: no. */
  readonly colors?: boolean;
  /**
   * Removes secrets from a text. It is called for all texts in the fields, and for all messages except those
   * of level `info`. These quote no output, and redacting the startup summary would take 3 to 6 ms while a
   * client waits for its handshake. Default: returns the text unchanged.
   */
  readonly redact?: (text: string) => string;
  /**
   * Writes a line with its line feed. Default: writes to standard error synchronously. While the gateway serves
   * clients, it must not wait for the reader of its log.
   */
  readonly write?: (line: string) => void;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Terminal codes that color the mark of each level. */
const COLORS: Readonly<Record<LogLevel, string>> = {
  debug: "\x1b[2m",
  info: "",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
/** The terminal code that ends a color. */
const RESET = "\x1b[0m";

/** Creates a log. */
export function createLog(options: LogOptions = {}): Log {
  const lowestIndex = LEVELS.indexOf(options.level ?? "info");
  const { redact = (text: string): string => text, colors = false } = options;
  const formatForPeople = colors ? formatColored : formatText;
  const format = options.format === "json" ? formatJson : formatForPeople;
  const write = options.write ?? tryWriteLine;
  const logAt = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (LEVELS.indexOf(level) < lowestIndex) return;
    const text = level === "info" ? message : redact(message);
    write(format(level, text, redactFields(fields, redact)));
  };
  return {
    debug: logAt("debug"),
    info: logAt("info"),
    warn: logAt("warn"),
    error: logAt("error"),
  };
}

function redactFields(fields: LogFields, redact: (text: string) => string): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      return [name, typeof value === "string" ? redact(value) : value];
    }),
  );
}

function formatColored(level: LogLevel, message: string, fields: LogFields): string {
  const text = formatText(level, message, fields);
  const mark = markOf(level);
  return mark === "" ? text : `${COLORS[level]}${mark}${RESET}${text.slice(mark.length)}`;
}

function markOf(level: LogLevel): string {
  return level === "info" ? "" : `${level}: `;
}

function formatText(level: LogLevel, message: string, fields: LogFields): string {
  const mark = markOf(level);
  const fieldTexts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? quote(value) : value}`);
  // The fields follow the first line, because further lines may be quoted output.
  const [firstLine = "", ...furtherLines] = escapeLines(message).split("\n");
  const indentedLines = furtherLines.map((line) => `  ${line}`);
  return `${[`${mark}${firstLine}${fieldTexts.join("")}`, ...indentedLines].join("\n")}\n`;
}

function formatJson(level: LogLevel, message: string, fields: LogFields): string {
  const head = { time: new Date().toISOString(), level, message };
  // `head` comes first for people, and again last so that no field can replace its members.
  return `${escapeJson(JSON.stringify({ ...head, ...fields, ...head }))}\n`;
}

function quote(value: string): string {
  return /^[\w./:@-]+$/.test(value) ? value : escapeControls(JSON.stringify(value));
}

function tryWriteLine(line: string): void {
  try {
    writeToStandardError(line);
  } catch {
    // The reader of the log has closed the pipe; the command continues.
  }
}
