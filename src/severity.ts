/**
 * The severities of MCP log messages. A leaf: imports nothing of the project.
 *
 * @module
 */

/** The severities, in ascending order. */
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

/** Returns the rank of a severity, or -1 if it is unknown. */
export function severityRank(level: unknown): number {
  return LOG_LEVELS.findIndex((severity) => severity === level);
}
