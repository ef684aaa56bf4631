/**
 * The name of the gateway's own server, which runs in the gateway's process, and the names of its tools. No entry of the
 * servers file may have its name.
 *
 * @module
 */

/** Name of the gateway's own server. */
export const OWN_SERVER = "gateway";

/** The own server's tool that runs code. */
export const RUN_CODE = "run_code";

/** The own server's tool that reads a part of a result that was cut. */
export const READ_RESULT = "read_result";

/** The own server's tool that says how an approval stands. */
export const APPROVAL_STATUS = "approval_status";

/** The names of all of its tools. */
export const OWN_TOOL_NAMES: readonly string[] = [RUN_CODE, READ_RESULT, APPROVAL_STATUS];

/** Matches the patterns that match the own server's name and hold it as a whole word: only stars may be around it. */
const OWN_SERVER_PATTERN = new RegExp(`^\\**${OWN_SERVER}\\**$`);

/**
 * Whether a pattern in `allow.servers` grants the own server, as `gateway` and `gateway*` do. Patterns such as `*` and
 * `g*` match its name, but were written for other servers.
 */
export function namesOwnServer(pattern: string): boolean {
  return OWN_SERVER_PATTERN.test(pattern);
}
