/** What an agent id is, in words that follow "expected". */
export const agentIdShape = "1 to 128 letters, digits, `-`, `_` or `.`";

/** The shape of an agent id. */
export const agentIdPattern = /^[A-Za-z0-9._-]{1,128}$/;

/** Whether a text has the shape of an agent id; says nothing about it being in the rules. */
export function isAgentId(text: string): boolean {
  return agentIdPattern.test(text);
}
