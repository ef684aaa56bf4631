import { namesOwnServer } from "../own_server.ts";
import type { Configuration } from "./configuration.ts";
import type { AgentRules, Limits } from "./rules.ts";

/**
 * Whether the gateway's own server is of use: rules grant it to an agent, or a limit cuts results, of which it then serves
 * the rest.
 */
export function usesOwnServer(
  { rules, servers }: Pick<Configuration, "rules" | "servers">,
): boolean {
  return limitsResults(rules.limits) || listLimitedServers({ servers }).length > 0 ||
    rules.agents.values().some(isForAgent);
}

/** Returns the names of the servers that limit their results, in the file's order. */
export function listLimitedServers({ servers }: Pick<Configuration, "servers">): string[] {
  return [...servers.values()].filter(({ options }) => options.maxResultTokens !== undefined)
    .map(({ name }) => name);
}

function isForAgent({ allow, limits }: AgentRules): boolean {
  return limitsResults(limits) || allow?.servers?.some(namesOwnServer) === true;
}

function limitsResults(limits: Limits | undefined): boolean {
  return limits?.maxResultTokens !== undefined;
}
