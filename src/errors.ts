/**
 * The three classes of errors, by who has to act: the operator, the calling agent, or neither, because a
 * server failed. A leaf: imports nothing of the project.
 *
 * @module
 */

/** A problem in a configuration file, with its position. */
export interface ConfigProblem {
  /** The file as the operator named it. */
  readonly file: string;
  /** Line, counted from 1; 0 for the file as a whole. */
  readonly line: number;
  /** Column in UTF-16 code units, counted from 1. */
  readonly column: number;
  /** Path of the value, such as `mcpServers.pg.args[0]`; empty for the file as a whole. */
  readonly path: string;
  /** The problem, and how to fix it. */
  readonly message: string;
}

/**
 * Creates a problem that has no position, such as that of a whole file, a flag or a variable.
 *
 * @param message The problem, and how to fix it.
 * @param options The file and the path of the value; by default none.
 */
export function problemWithoutPosition(
  message: string,
  { file = "", path = "" }: Partial<Pick<ConfigProblem, "file" | "path">> = {},
): ConfigProblem {
  return { file, line: 0, column: 0, path, message };
}

/** An invalid configuration, with all of its problems; the operator has to act. */
export class ConfigError extends Error {
  /** The name of the class. */
  override readonly name = "ConfigError";
  /** All problems, in the order of files and lines. */
  readonly problems: readonly ConfigProblem[];

  /** Creates an error from at least one problem. */
  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(formatProblem).join("\n"), options);
    this.problems = problems;
  }
}

/** Formats a problem as one line: `file:line:column: path: message`. */
export function formatProblem(problem: ConfigProblem): string {
  const position = problem.line > 0
    ? `${problem.file}:${problem.line}:${problem.column}`
    : problem.file;
  return [position, problem.path, problem.message].filter((part) => part !== "").join(": ");
}

/** The error codes of denied and failed operations. */
export type ErrorCode =
  | "INVALID_AGENT_ID"
  | "NO_FALLBACK_CONFIGURED"
  | "FALLBACK_AGENT_NOT_IN_RULES"
  | "DENIED_BY_POLICY"
  | "APPROVAL_REQUIRED"
  | "SERVER_UNAVAILABLE"
  | "AUTH_REQUIRED"
  | "TOOL_NOT_FOUND"
  | "TOOL_CHANGED"
  | "RESOURCE_NOT_FOUND"
  | "PROMPT_NOT_FOUND"
  | "TIMEOUT"
  | "INVALID_ARGUMENTS"
  | "RATE_LIMITED"
  | "AUDIT_UNAVAILABLE";

/**
 * Whether the same request may succeed later, or after the step that the error's hint names; by code. An error to which
 * the value does not apply has another one in its details.
 */
export const RETRYABLE: Readonly<Record<ErrorCode, boolean>> = {
  INVALID_AGENT_ID: false,
  NO_FALLBACK_CONFIGURED: false,
  FALLBACK_AGENT_NOT_IN_RULES: false,
  DENIED_BY_POLICY: false,
  APPROVAL_REQUIRED: true,
  // Unless a server may have carried out the call, and repeating it may do harm.
  SERVER_UNAVAILABLE: true,
  AUTH_REQUIRED: true,
  TOOL_NOT_FOUND: false,
  TOOL_CHANGED: false,
  // Unless a server that may have the resource has not listed its resources yet.
  RESOURCE_NOT_FOUND: false,
  PROMPT_NOT_FOUND: false,
  // As for SERVER_UNAVAILABLE.
  TIMEOUT: true,
  INVALID_ARGUMENTS: false,
  RATE_LIMITED: true,
  AUDIT_UNAVAILABLE: true,
};

/** The fields of an error answer besides code and message. */
export interface ErrorDetails {
  /** Whether the same request may succeed later; default: the value of `RETRYABLE`. */
  readonly retryable?: boolean;
  /** Path of the deciding rule. */
  readonly rule?: string;
  /** A step that the agent can try next. */
  readonly hint?: string;
  /** Address of the login page, for `AUTH_REQUIRED`. */
  readonly url?: string;
  /** The command that logs in, for `AUTH_REQUIRED`. */
  readonly command?: string;
  /** The tool's input schema, if the arguments do not match it. */
  readonly inputSchema?: unknown;
  /** Id of the request for a person's approval, for `APPROVAL_REQUIRED`. */
  readonly approval_id?: string;
  /** When the request for approval expires, as ISO 8601 in UTC. */
  readonly expires?: string;
  /** Milliseconds to wait before another call, for `RATE_LIMITED`. */
  readonly retry_after_ms?: number;
}

/** An error that the calling agent has to act on. */
export class CallerError extends Error {
  /** The name of the class. */
  override readonly name = "CallerError";
  /** The code of the answer. */
  readonly code: ErrorCode;
  /** Further fields of the answer. */
  readonly details: ErrorDetails;

  /**
   * Creates an error that is sent to the agent.
   *
   * @param message The failure and how to fix it; sent to the agent unchanged.
   */
  constructor(code: ErrorCode, message: string, options: ErrorDetails & ErrorOptions = {}) {
    const { cause, ...details } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** Details of a server's failure besides code and message. */
export interface DownstreamErrorOptions extends ErrorDetails, ErrorOptions {
  /** The server's last output, redacted; absent if the message quotes the output. */
  readonly serverOutput?: string | undefined;
  /** Whether the message quotes output of the server that is not a valid message. Default: no. */
  readonly quotesInvalidOutput?: boolean;
}

/** A failure of a downstream server, or a login that the server requires. */
export class DownstreamError extends Error {
  /** The name of the class. */
  override readonly name = "DownstreamError";
  /** The code of the answer. */
  readonly code: "SERVER_UNAVAILABLE" | "TIMEOUT" | "AUTH_REQUIRED";
  /** Name of the server. */
  readonly server: string;
  /** Further fields of the answer. */
  readonly details: ErrorDetails;
  /** The server's last output, redacted; `undefined` if the message quotes the output. */
  readonly serverOutput: string | undefined;
  /** Whether the message quotes output of the server that is not a valid message. */
  readonly quotesInvalidOutput: boolean;

  /**
   * Creates an error that is sent to the agent.
   *
   * @param server Name of the server.
   * @param message The failure, without secrets; sent to the agent unchanged.
   */
  constructor(
    code: "SERVER_UNAVAILABLE" | "TIMEOUT" | "AUTH_REQUIRED",
    server: string,
    message: string,
    options: DownstreamErrorOptions = {},
  ) {
    const { cause, serverOutput, quotesInvalidOutput = false, ...details } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.server = server;
    this.details = details;
    this.serverOutput = serverOutput;
    this.quotesInvalidOutput = quotesInvalidOutput;
  }

  /** Returns the same error with further fields of the answer. */
  withDetails(details: ErrorDetails): DownstreamError {
    const { code, server, message, cause, serverOutput, quotesInvalidOutput } = this;
    return new DownstreamError(code, server, message, {
      ...this.details,
      ...details,
      cause,
      serverOutput,
      quotesInvalidOutput,
    });
  }
}
