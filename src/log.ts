/**
 * The log: one line per event to stderr, text for people or JSON for machines. Never stdout, which
 * is the protocol. Lines keep their order. A leaf: imports only where its lines go.
 *
 * @module
 */
import { writeToStandardError } from "./line_queue.ts";

/** How grave an event is, from the least on. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What an event is about, such as `{ server: "files" }`. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Takes events. Never throws. */
export interface Log {
  /** For developers of the gateway or of a server. */
  debug(message: string, fields?: LogFields): void;
  /** What an operator may want to know. */
  info(message: string, fields?: LogFields): void;
  /** What an operator should look at some day. */
  warn(message: string, fields?: LogFields): void;
  /** What an operator must look at. */
  error(message: string, fields?: LogFields): void;
}

/** How a log is made. */
export interface LogOptions {
  /** The least level that is written. Default: `info`. */
  readonly level?: LogLevel;
  /** `text` for people, `json` for machines. Default: `text`. */
  readonly format?: "text" | "json";
  /** Whether levels are coloured, in text. Default: not. */
  readonly colours?: boolean;
  /**
   * Takes secrets out of a text. Asked for every field, and for every message but those of `info`,
   * which are the gateway's own words: looking through the startup summary would cost 3 to 6 ms
   * while a client waits for its handshake. Default: leaves the text alone.
   */
  readonly clean?: (text: string) => string;
  /**
   * Takes each line, with its line feed. Default: standard error, written before the call returns,
   * which suits a command; whatever serves must not wait for the reader of its log.
   */
  readonly write?: (line: string) => void;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Codes of a terminal that colour a level's mark, and the code that ends them. */
const COLOURS: Readonly<Record<LogLevel, string>> = {
  debug: "\x1b[2m",
  info: "",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
const NO_COLOUR = "\x1b[0m";

/**
 * Makes a log.
 *
 * @param options Level, format and destination.
 */
export function createLog(options: LogOptions = {}): Log {
  const least = LEVELS.indexOf(options.level ?? "info");
  const { clean = (text: string): string => text, colours = false } = options;
  const format = options.format === "json" ? formatJson : colours ? formatColoured : formatText;
  const write = options.write ?? writeToStderr;
  const logAt = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (LEVELS.indexOf(level) < least) return;
    const text = level === "info" ? message : clean(message);
    write(format(level, text, cleanFields(fields, clean)));
  };
  return {
    debug: logAt("debug"),
    info: logAt("info"),
    warn: logAt("warn"),
    error: logAt("error"),
  };
}

function cleanFields(fields: LogFields, clean: (text: string) => string): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      return [name, typeof value === "string" ? clean(value) : value];
    }),
  );
}

function formatColoured(level: LogLevel, message: string, fields: LogFields): string {
  const text = formatText(level, message, fields);
  const mark = markOf(level);
  return mark === "" ? text : `${COLOURS[level]}${mark}${NO_COLOUR}${text.slice(mark.length)}`;
}

function markOf(level: LogLevel): string {
  return level === "info" ? "" : `${level}: `;
}

function formatText(level: LogLevel, message: string, fields: LogFields): string {
  const mark = markOf(level);
  const about = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? quote(value) : value}`);
  // The fields go to the first line: what follows it may be quoted from somewhere.
  const [first = "", ...rest] = escapeControls(message).split("\n");
  return `${[`${mark}${first}${about.join("")}`, ...rest].join("\n")}\n`;
}

function formatJson(level: LogLevel, message: string, fields: LogFields): string {
  const head = { time: new Date().toISOString(), level, message };
  // Twice: in front for people, last so that no field takes its place.
  return `${JSON.stringify({ ...head, ...fields, ...head })}\n`;
}

function quote(value: string): string {
  return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
}

/** What a server says must not move the cursor or forge a line of the log. */
function escapeControls(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  }).replaceAll("\n", "\n  ");
}

function writeToStderr(line: string): void {
  try {
    writeToStandardError(line);
  } catch {
    // Nobody reads the log any more; the command goes on.
  }
}
