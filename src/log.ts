/**
 * The log: one line per event to stderr, text for people or JSON for machines. Never stdout, which
 * is the protocol. A leaf: imports nothing of the project.
 *
 * @module
 */

/** How grave an event is, from the least on. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What an event is about, such as `{ server: "files" }`. Values must be free of secrets. */
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
  /** Takes each line, with its line feed. Default: standard error. */
  readonly write?: (line: string) => void;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * Makes a log.
 *
 * @param options Level, format and destination.
 */
export function createLog(options: LogOptions = {}): Log {
  const least = LEVELS.indexOf(options.level ?? "info");
  const format = options.format === "json" ? formatJson : formatText;
  const write = options.write ?? writeToStderr;
  const logAt = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (LEVELS.indexOf(level) >= least) write(format(level, message, fields));
  };
  return {
    debug: logAt("debug"),
    info: logAt("info"),
    warn: logAt("warn"),
    error: logAt("error"),
  };
}

function formatText(level: LogLevel, message: string, fields: LogFields): string {
  const mark = level === "info" ? "" : `${level}: `;
  const about = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === "string" ? quote(value) : value}`);
  // The fields go to the first line: what follows it may be quoted from somewhere.
  const [first = "", ...rest] = escapeControls(message).split("\n");
  return `${[`${mark}${first}${about.join("")}`, ...rest].join("\n")}\n`;
}

function formatJson(level: LogLevel, message: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`;
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
    const bytes = new TextEncoder().encode(line);
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Nobody reads the log any more; the gateway serves on.
  }
}
