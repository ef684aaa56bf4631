import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import { isLoopback } from "../loopback.ts";
import type { Rules } from "./rules.ts";
import type { Settings } from "./settings.ts";

/** Whether the rules contain any credential. If so, every client needs one over HTTP. */
export function hasCredentials({ agents, jwt }: Rules): boolean {
  return jwt !== undefined || agents.values().some(({ tokens }) => tokens.length > 0);
}

/**
 * Checks whether anyone in the network could act as any agent: other machines can reach the listener, and
 * the rules contain no credential.
 *
 * @param file The rules file as the operator named it.
 * @returns One problem, or none.
 */
export function findExposure(
  { transport, host }: Settings,
  { rules, file }: { readonly rules: Rules; readonly file: string },
): ConfigProblem[] {
  if (transport !== "http" || isLoopback(host) || hasCredentials(rules)) return [];
  const message = `other machines can reach ${host}, and no agent has a credential; add ` +
    '"token_sha256" to the agents or "auth.jwt" to the rules, or listen on 127.0.0.1';
  return [problemWithoutPosition(message, { file, path: "agents" })];
}
