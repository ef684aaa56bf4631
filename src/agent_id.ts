/**
 * Recognizes ids of agents. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Describes a valid agent id, to follow "expected" in a message. */
export const AGENT_ID_SHAPE = "1 to 128 letters, digits, `-`, `_` or `.`";

/** Matches a whole agent id. */
export const AGENT_ID_PATTERN = /^[A-Za-z0-9._-]{1,128}$/;

/** Whether a text is a well-formed agent id, whether or not the rules contain the agent. */
export function isAgentId(text: string): boolean {
  return AGENT_ID_PATTERN.test(text);
}
