/** Severities of MCP log messages, in ascending order. */
export const LOG_LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
] as const;

/** The minimum severity of the log messages that are sent to a client. */
export class LogThreshold {
  /** Set by the client with `logging/setLevel`; `undefined` until then. */
  level: string | undefined;

  /** Whether messages of a severity are sent; unknown severities are sent only until the client sets a level. */
  includes(level: unknown): boolean {
    return this.level === undefined || severityRank(level) >= severityRank(this.level);
  }
}

/** Returns the rank of a severity, or -1 if it is unknown. */
export function severityRank(level: unknown): number {
  return LOG_LEVELS.findIndex((severity) => severity === level);
}
