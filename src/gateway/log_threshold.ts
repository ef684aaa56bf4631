import { severityRank } from "../severity.ts";

/** The minimum severity of the log messages that are sent to a client. */
export class LogThreshold {
  /** Set by the client with `logging/setLevel`; `undefined` until then. */
  level: string | undefined;

  /** Whether messages of a severity are sent; unknown severities are sent only until the client sets a level. */
  includes(level: unknown): boolean {
    return this.level === undefined || severityRank(level) >= severityRank(this.level);
  }
}
