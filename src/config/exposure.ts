import type { ConfigProblem } from "../errors.ts";
import type { Rules } from "./rules.ts";
import type { Settings } from "./settings.ts";

/**
 * Whether an address or host name is the machine's own, which nobody else can reach.
 *
 * @param host An address, an IPv6 one with brackets or without, or a host name.
 */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, "").toLowerCase().replace(/^::ffff:(?=\d)/, "");
  return address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/** Whether the rules know any credential; then whoever connects over HTTP needs one. */
export function hasCredentials({ agents, jwt }: Rules): boolean {
  return jwt !== undefined || [...agents.values()].some(({ tokens }) => tokens.length > 0);
}

/**
 * Finds out whether anybody in the network could act as any agent: the listener can be reached from
 * other machines, and nothing says who is calling.
 *
 * @param settings Where the gateway listens.
 * @param rules Who has a credential.
 * @param file The rules file as the operator named it.
 * @returns One problem, or none.
 */
export function findExposure(
  { transport, host }: Settings,
  rules: Rules,
  file: string,
): ConfigProblem[] {
  if (transport !== "http" || isLoopback(host) || hasCredentials(rules)) return [];
  const message = `other machines can reach ${host}, and no agent has a credential; add ` +
    '"token_sha256" to the agents or "auth.jwt" to the rules, or listen on 127.0.0.1';
  return [{ file, line: 0, column: 0, path: "agents", message }];
}
