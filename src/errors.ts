/**
 * The three classes of failure, by who has to act: the operator, the calling agent, or nobody on
 * this side (a server failed). A leaf: imports nothing of the project.
 *
 * @module
 */

/** One thing wrong in a configuration file, with the place where it stands. */
export interface ConfigProblem {
  /** The file as the operator named it. */
  readonly file: string;
  /** Line of the place, counted from 1. */
  readonly line: number;
  /** Column of the place in UTF-16 code units, counted from 1. */
  readonly column: number;
  /** Path of the value, such as `mcpServers.pg.args[0]`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

/** The configuration cannot be used; the operator has to act. Holds every problem found at once. */
export class ConfigError extends Error {
  /** Tells this class from others. */
  override readonly name = "ConfigError";
  /** All problems, in the order of files and lines. */
  readonly problems: readonly ConfigProblem[];

  /**
   * Keeps the problems.
   *
   * @param problems At least one problem.
   * @param options The failure behind it, where there is one.
   */
  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(formatProblem).join("\n"), options);
    this.problems = problems;
  }
}

/** Writes a problem as one line: `file:line:column: path: message`. */
export function formatProblem(problem: ConfigProblem): string {
  const place = problem.line > 0
    ? `${problem.file}:${problem.line}:${problem.column}`
    : problem.file;
  return [place, problem.path, problem.message].filter((part) => part !== "").join(": ");
}

/** The codes of SPEC section 3 that a refused operation answers with. */
export type ErrorCode =
  | "INVALID_AGENT_ID"
  | "NO_FALLBACK_CONFIGURED"
  | "FALLBACK_AGENT_NOT_IN_RULES"
  | "DENIED_BY_POLICY"
  | "SERVER_UNAVAILABLE"
  | "AUTH_REQUIRED"
  | "TOOL_NOT_FOUND"
  | "TIMEOUT"
  | "INVALID_ARGUMENTS"
  | "RATE_LIMITED";

/** What an error answer carries besides code and message. */
export interface ErrorDetails {
  /** Path of the deciding rule. */
  readonly rule?: string;
  /** What to try next. */
  readonly hint?: string;
  /** Where to log in, for `AUTH_REQUIRED`. */
  readonly url?: string;
  /** The command that logs in, for `AUTH_REQUIRED`. */
  readonly command?: string;
  /** The tool's input schema, where the call's arguments do not fit it. */
  readonly inputSchema?: unknown;
  /** Milliseconds until another try makes sense, for `RATE_LIMITED`. */
  readonly retry_after_ms?: number;
}

/** The operation is refused for a reason that the calling agent can act on. */
export class CallerError extends Error {
  /** Tells this class from others. */
  override readonly name = "CallerError";
  /** The code of the answer. */
  readonly code: ErrorCode;
  /** What the answer carries besides code and message. */
  readonly details: ErrorDetails;

  /**
   * Says what the agent is told.
   *
   * @param code One of the codes of SPEC section 3.
   * @param message What happened, to what, and what to do; crosses the wire as it is.
   * @param options Details of the answer, and the failure behind it.
   */
  constructor(code: ErrorCode, message: string, options: ErrorDetails & ErrorOptions = {}) {
    const { cause, ...details } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** What is known of a server's failure besides its code and message. */
export interface DownstreamErrorOptions extends ErrorDetails, ErrorOptions {
  /** What the server last printed, free of secrets, where the message has only its cause. */
  readonly said?: string | undefined;
  /** Whether the message quotes what the server sent that is no message. Default: no. */
  readonly quotesNoise?: boolean;
}

/** A downstream server failed; neither the agent nor the operator did anything wrong. */
export class DownstreamError extends Error {
  /** Tells this class from others. */
  override readonly name = "DownstreamError";
  /** The code of the answer. */
  readonly code: "SERVER_UNAVAILABLE" | "TIMEOUT" | "AUTH_REQUIRED";
  /** Name of the server. */
  readonly server: string;
  /** What the answer carries besides code and message. */
  readonly details: ErrorDetails;
  /** What the server last printed, free of secrets, where the message has only its cause. */
  readonly said: string | undefined;
  /** Whether the message quotes what the server sent that is no message. */
  readonly quotesNoise: boolean;

  /**
   * Says what the agent is told.
   *
   * @param code What kind of failure.
   * @param server Name of the server.
   * @param message What happened, free of secrets; crosses the wire as it is.
   * @param options Details of the answer, the failure behind it, and what the server printed.
   */
  constructor(
    code: "SERVER_UNAVAILABLE" | "TIMEOUT" | "AUTH_REQUIRED",
    server: string,
    message: string,
    options: DownstreamErrorOptions = {},
  ) {
    const { cause, said, quotesNoise = false, ...details } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.server = server;
    this.details = details;
    this.said = said;
    this.quotesNoise = quotesNoise;
  }
}
